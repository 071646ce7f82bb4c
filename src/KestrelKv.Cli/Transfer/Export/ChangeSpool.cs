using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Scanning;

namespace KestrelKv.Cli.Transfer.Export;

/// <summary>The file with the changes that happen while the entries are read. After each reply of the watch, a line has its version.</summary>
internal sealed class ChangeSpool : IDisposable
{
    private readonly FileStream _file;
    private readonly ByteText _text = new();
    private readonly bool _isTemporary;

    // The version that the file has; the position may be later.
    private long _written = -1;

    private ChangeSpool(FileStream file, bool isTemporary) => (_file, _isTemporary) = (file, isTemporary);

    private static ReadOnlySpan<byte> VersionStart => "{\"version\":"u8;

    /// <summary>All changes up to this version are in the file; -1 before the watch has begun.</summary>
    public long Position { get; private set; } = -1;

    /// <summary>The number of changes.</summary>
    public long Changes { get; private set; }

    /// <summary>Creates an empty file.</summary>
    /// <param name="path">The path; null for a temporary file.</param>
    /// <exception cref="CommandFailure">Another export writes to the file.</exception>
    public static ChangeSpool Create(string? path) => path is null
        ? new(new(Path.GetTempFileName(), FileMode.Create, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose), isTemporary: true)
        : new(ExclusiveFile.Open(path, FileMode.Create, "export"), isTemporary: false);

    /// <summary>Opens the file of an interrupted export, and cuts what follows the last version.</summary>
    /// <exception cref="CommandFailure">Another export writes to the file.</exception>
    public static async Task<ChangeSpool> ResumeAsync(string path, CancellationToken stop)
    {
        var spool = new ChangeSpool(ExclusiveFile.Open(path, FileMode.Open, "export"), isTemporary: false);
        try
        {
            await spool.FindEndAsync(stop);
            return spool;
        }
        catch
        {
            spool.Dispose();
            throw;
        }
    }

    /// <summary>Adds a reply of the watch.</summary>
    /// <param name="reply">The response.</param>
    /// <param name="lines">The format.</param>
    /// <param name="current">The entries whose expiries have changed.</param>
    public void Add(ReadOnlySpan<byte> reply, ExportLines lines, Dictionary<string, CurrentEntry> current)
    {
        _text.Clear();
        long changes = 0;
        var reader = new EntryReader(reply);
        while (reader.TryRead(out EntrySlice change))
        {
            int before = _text.Length;
            CurrentEntry? entry = change.IsSetExpiry ? current.GetValueOrDefault(CurrentEntries.NameOf(change.Key)) : null;
            lines.Change(_text, change, entry?.Version == change.VersionNumber ? entry : null);
            if (_text.Length > before) changes++;
        }
        long position = reader.Version;
        if (changes > 0 || _written < 0) Write(position);
        Changes += changes;
        Position = position;
    }

    /// <summary>Copies the changes to the end of an export.</summary>
    public async Task CopyToAsync(Stream target, CancellationToken stop)
    {
        _file.Position = 0;
        var lines = new LineReader(_file);
        while (await lines.NextAsync(stop))
        {
            if (lines.Line.Span.StartsWith(VersionStart)) continue;
            _text.Add(lines.Line.Span).Add("\n"u8);
            if (_text.Length < 256 * 1024) continue;
            await target.WriteAsync(_text.Memory, stop);
            _text.Clear();
        }
        await target.WriteAsync(_text.Memory, stop);
        _text.Clear();
    }

    /// <summary>Records the position, so that a resumed export need not read quiet versions again.</summary>
    public void WritePosition()
    {
        if (Position == _written || _isTemporary) return;
        _text.Clear();
        Write(Position);
    }

    public void Dispose() => _file.Dispose();

    /// <summary>Deletes the file after the export is complete.</summary>
    public void Delete()
    {
        // Where the system permits it, the file is deleted before it is unlocked: it may be that of the next export afterwards.
        if (_isTemporary || OperatingSystem.IsWindows()) _file.Dispose();
        if (!_isTemporary) File.Delete(_file.Name);
        _file.Dispose();
    }

    private async Task FindEndAsync(CancellationToken stop)
    {
        var lines = new LineReader(_file);
        long end = 0, changes = 0;
        while (await lines.NextAsync(stop) && lines.IsComplete)
        {
            if (!lines.Line.Span.StartsWith(VersionStart))
            {
                changes++;
                continue;
            }
            Position = _written = EntryReader.Number(lines.Line.Span[VersionStart.Length..^1]);
            (Changes, end) = (changes, lines.End);
        }
        _file.SetLength(end);
        _file.Position = end;
    }

    private void Write(long position)
    {
        _text.Add(VersionStart).Add(position).Add("}\n"u8);
        _file.Write(_text.Span);
        _text.Clear();
        _written = position;
    }
}
