using Microsoft.Extensions.Logging;

namespace KestrelKv.Storage.Postgres;

/// <summary>One server of the store: its id, and the newest commit that it knows. Thread-safe.</summary>
/// <remarks>The id is new at each start. Together with a sequence number it identifies a write group.</remarks>
internal sealed class Door(DoorClock clock, ILogger logger)
{
    private readonly Lock _lock = new();
    private CommitRow _known;
    private volatile bool _hasLostHistory;

    public Guid Id { get; } = Guid.NewGuid();

    public DoorClock Clock => clock;

    /// <summary>Whether the database lost commits that this door has seen acknowledged, since the start.</summary>
    public bool HasLostHistory => _hasLostHistory;

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
        _hasLostHistory = true;
        Log.HistoryLost(logger, newest.Version, known.Version);
        HistoryLost();
    }
}
