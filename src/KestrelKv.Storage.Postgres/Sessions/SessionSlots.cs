namespace KestrelKv.Storage.Postgres.Sessions;

/// <summary>Limits the sessions of a host that are in use, including abandoned ones until their connections close. Thread-safe.</summary>
/// <remarks>
/// Two sessions are reserved for writes and for reads without a fence, which answer while no standby does. A third one is reserved for
/// them and for the groups of fenced reads and the feed. Listings and watches that catch up can therefore not block the others. A backup
/// holds its session for long, so it has one beside the maximum.
/// </remarks>
internal sealed class SessionSlots
{
    private const int ReservedForWrites = 2;
    private const int ReservedForGroups = 3;

    private readonly int _max;

    // The limits of each kind of trip, the narrowest first.
    private readonly SemaphoreSlim[] _ofWrites;
    private readonly SemaphoreSlim[] _ofGroups;
    private readonly SemaphoreSlim[] _ofOthers;
    private readonly SemaphoreSlim[] _ofBackups = [new(1)];

    public SessionSlots(int max)
    {
        _max = max;
        _ofWrites = [new(max)];
        _ofGroups = [new(max - ReservedForWrites), .. _ofWrites];
        _ofOthers = [new(max - ReservedForGroups), .. _ofGroups];
    }

    /// <summary>Waits for a session.</summary>
    /// <exception cref="TimeoutException">All sessions remain in use.</exception>
    public async Task EnterAsync(TripKind kind, TimeSpan timeout, CancellationToken cancellationToken)
    {
        long end = Environment.TickCount64 + (long)timeout.TotalMilliseconds;
        SemaphoreSlim[] limits = LimitsOf(kind);
        int entered = 0;
        try
        {
            for (; entered < limits.Length; entered++)
            {
                int left = (int)Math.Max(0, end - Environment.TickCount64);
                if (!await limits[entered].WaitAsync(left, cancellationToken))
                    throw new TimeoutException($"all sessions are in use; {nameof(PostgresStoreOptions.SessionsMax)} is {_max}");
            }
        }
        catch
        {
            while (--entered >= 0) limits[entered].Release();
            throw;
        }
    }

    public void Exit(TripKind kind)
    {
        foreach (SemaphoreSlim limit in LimitsOf(kind)) limit.Release();
    }

    private SemaphoreSlim[] LimitsOf(TripKind kind) => kind switch
    {
        TripKind.Begin or TripKind.Commit or TripKind.Resolve or TripKind.UnfencedRead => _ofWrites,
        TripKind.Read or TripKind.Feed => _ofGroups,
        TripKind.Backup => _ofBackups,
        _ => _ofOthers,
    };
}
