using Microsoft.Extensions.Logging;

namespace KestrelKv.Storage.Postgres;

/// <summary>One server of the store: its id, and the newest commit that it knows. Thread-safe.</summary>
/// <remarks>The id is new at each start. Together with a sequence number it identifies a write group.</remarks>
internal sealed class Door(DoorClock clock, ILogger logger)
{
    private readonly Lock _lock = new();
    private CommitRow _known;
    private long _oldestVersion = 1;
    private int _losses;

    public Guid Id { get; } = Guid.NewGuid();

    public DoorClock Clock => clock;

    /// <summary>Whether the database lost commits that this door has seen acknowledged, since the start.</summary>
    public bool HasLostHistory => Losses > 0;

    /// <summary>The number of times that the database lost acknowledged commits.</summary>
    public int Losses => Volatile.Read(ref _losses);

    /// <summary>Is invoked, without locks, if the database lost commits that this door has seen acknowledged.</summary>
    public Action HistoryLost { get; set; } = () => { };

    /// <summary>The newest commit that is known to be replicated.</summary>
    public CommitRow Known
    {
        get
        {
            lock (_lock) return _known;
        }
    }

    /// <summary>The oldest version whose changes the database still has, as last read.</summary>
    public long OldestVersion
    {
        get => Volatile.Read(ref _oldestVersion);
        set => Volatile.Write(ref _oldestVersion, value);
    }

    /// <summary>Records an acknowledged commit, or one that a fenced transaction has read.</summary>
    public void Observe(in CommitRow newest)
    {
        clock.Observe(newest.Clock);
        lock (_lock)
        {
            if (newest.Version > _known.Version) _known = newest;
        }
    }

    /// <summary>
    /// Compares the newest commit of a snapshot with the one that was known before the snapshot was taken. If the snapshot is older, or has
    /// another commit of the same version, history was lost.
    /// </summary>
    public void Check(in CommitRow newest, in CommitRow knownBefore)
    {
        bool isSame = newest.Version > knownBefore.Version || (newest.Version == knownBefore.Version && newest.Id == knownBefore.Id);
        if (!isSame) Lose(newest, knownBefore);
    }

    /// <summary>Continues with the history of the database, which is not that of <paramref name="known"/>.</summary>
    public void Lose(in CommitRow newest, in CommitRow known)
    {
        lock (_lock)
        {
            // Another trip may have found it before.
            if (_known != known) return;
            _known = newest;
        }
        Interlocked.Increment(ref _losses);
        Log.HistoryLost(logger, newest.Version, known.Version);
        HistoryLost();
    }
}
