namespace KestrelKv.Storage.Postgres.Sessions;

/// <summary>The purpose of a trip. It determines its metrics, and the sessions that it may use: <see cref="SessionSlots"/>.</summary>
internal enum TripKind
{
    /// <summary>The first trip of a write group.</summary>
    Begin,

    /// <summary>The second trip of a write group.</summary>
    Commit,

    /// <summary>The outcome of a write group.</summary>
    Resolve,

    /// <summary>A group of reads that waive the fence.</summary>
    UnfencedRead,

    /// <summary>A group of fenced reads.</summary>
    Read,

    /// <summary>New commits for the feed.</summary>
    Feed,

    /// <summary>A page of a listing, or a count.</summary>
    List,

    /// <summary>Old commits for a watch that catches up.</summary>
    CatchUp,

    /// <summary>The search for expired entries, and the deletion of old rows.</summary>
    Sweep,

    /// <summary>A backup, which holds one transaction.</summary>
    Backup,
}
