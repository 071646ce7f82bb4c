namespace KestrelKv.Storage.Postgres.Sessions;

/// <summary>Checks whether the database acknowledges commits, and keeps those that it acknowledged. Thread-safe.</summary>
/// <param name="finder">Finds the primary.</param>
/// <param name="monitor">The last survey.</param>
/// <param name="door">The door.</param>
/// <param name="snapshots">Reads the tables.</param>
/// <param name="writeFailure">Returns why writes fail; null if they do not.</param>
internal sealed class HealthCheck(
    PrimaryFinder finder, PrimaryMonitor monitor, Door door, SnapshotReader snapshots, Func<string?> writeFailure)
{
    /// <summary>The maximum age of a shared result, in milliseconds.</summary>
    private const long AgeMax = 1_000;

    private static readonly TimeSpan FenceTimeout = TimeSpan.FromSeconds(2);

    private readonly Lock _lock = new();
    private Task<string?>? _check;
    private long _checkedAt;
    private volatile string? _problem;

    /// <summary>Whether the last check found no problem. <see cref="PrimaryMonitor"/> makes one every 2 seconds.</summary>
    public bool IsHealthy => _problem is null;

    /// <summary>Returns null if all is well; otherwise a sentence. Never fails, except by cancellation.</summary>
    public Task<string?> CheckAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            bool isOld = _check is null or { IsCompleted: true } && Environment.TickCount64 - Volatile.Read(ref _checkedAt) > AgeMax;
            if (isOld) _check = Task.Run(RunAsync, CancellationToken.None);
            return _check!.WaitAsync(cancellationToken);
        }
    }

    private async Task<string?> RunAsync()
    {
        string? problem = await FenceAsync() ?? await ReadAsync() ?? writeFailure();
        if (problem is null && door.HasLostHistory)
            problem = "The database has lost acknowledged commits since this server started. The log has details (event 705).";
        problem ??= monitor.UnsafeSetting;
        _problem = problem;
        Volatile.Write(ref _checkedAt, Environment.TickCount64);
        return problem;
    }

    private async Task<string?> ReadAsync()
    {
        try
        {
            await snapshots.ReadNewestAsync(TripKind.UnfencedRead, isFenced: false, FenceTimeout);
            return null;
        }
        catch (Exception e) when (Failures.IsOfDatabase(e))
        {
            return $"The tables cannot be read: {Failures.Reason(e)}.";
        }
        catch (ObjectDisposedException)
        {
            return "The store is closed.";
        }
    }

    private async Task<string?> FenceAsync()
    {
        try
        {
            Primary primary = await finder.GetAsync(FenceTimeout);
            return await FenceAsync(primary.Host);
        }
        catch (NoPrimaryException e)
        {
            return e.Message;
        }
        catch (TimeoutException)
        {
            return "No primary was found in time.";
        }
        catch (ObjectDisposedException)
        {
            return "The store is closed.";
        }
    }

    private static async Task<string?> FenceAsync(Host host)
    {
        try
        {
            await host.Probe.FenceAsync().WaitAsync(FenceTimeout);
            return null;
        }
        catch (Exception e) when (Failures.IsOfDatabase(e))
        {
            HostReport report = await host.Probe.CheckAsync();
            if (!report.IsPrimary) return $"No primary was found: {report}.";
            return e is TimeoutException
                ? $"Commits wait for a synchronous standby: {host.Name} did not acknowledge a fence in {FenceTimeout.TotalSeconds} seconds."
                : $"{host.Name} does not acknowledge commits: {Failures.Reason(e)}.";
        }
    }
}
