namespace KestrelKv.Server.Security;

/// <summary>Detects changes of files, also through symbolic links that are swapped, as Docker's and Kubernetes' secrets are.</summary>
/// <remarks>
/// Polls once a second: file system notifications do not follow links, and the number of watches of a user is limited. The callback runs
/// on the thread pool, one call at a time.
/// </remarks>
internal sealed class FileWatch : IDisposable
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    private readonly string[] _paths;
    private readonly Action _changed;
    private readonly ITimer _timer;
    private readonly TimeProvider _time;
    private string _last;

    /// <summary>Begins to watch. The state of the files now counts as known.</summary>
    /// <param name="paths">The paths of the files.</param>
    /// <param name="changed">Called after a change. Must not throw.</param>
    /// <param name="time">The clock.</param>
    public FileWatch(IEnumerable<string> paths, Action changed, TimeProvider time)
    {
        (_paths, _changed, _time) = ([.. paths], changed, time);
        _last = State();
        _timer = time.CreateTimer(static watch => ((FileWatch)watch!).Check(), this, Period, Timeout.InfiniteTimeSpan);
    }

    /// <inheritdoc/>
    public void Dispose() => _timer.Dispose();

    private void Check()
    {
        string state = State();
        if (state != _last)
        {
            _last = state;
            _changed();
        }
        _timer.Change(Period, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Returns the target, length and time of each file.</summary>
    private string State() => string.Join('\n', _paths.Select(path =>
    {
        try
        {
            var file = new FileInfo(path);
            FileInfo target = Resolve(file);
            return $"{target.FullName} {target.Length} {target.LastWriteTimeUtc.Ticks}";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return e.GetType().Name;
        }
    }));

    /// <summary>Resolves links in the file's name and in its directory's. Kubernetes swaps a link to the directory.</summary>
    private static FileInfo Resolve(FileInfo file)
    {
        var target = (FileInfo?)file.ResolveLinkTarget(returnFinalTarget: true) ?? file;
        return target.Directory?.ResolveLinkTarget(returnFinalTarget: true) is { } directory
            ? new FileInfo(Path.Combine(directory.FullName, target.Name))
            : target;
    }
}
