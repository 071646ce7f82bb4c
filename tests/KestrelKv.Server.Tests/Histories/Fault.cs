namespace KestrelKv.Server.Tests.Histories;

/// <summary>What a faulty server may do wrong.</summary>
public enum Fault
{
    None,

    /// <summary>A read shows now and then what was there before.</summary>
    StaleRead,

    /// <summary>A write is acknowledged now and then, and not done.</summary>
    LostUpdate,

    /// <summary>Others get in between the first step of a batch and the rest of it.</summary>
    TornBatch,

    /// <summary>The first step of a batch that is refused is done.</summary>
    HalfBatch,

    /// <summary>A compare-and-set does not look at the version.</summary>
    IgnoredPrecondition,

    /// <summary>An increment is done twice now and then.</summary>
    DoneTwice,

    /// <summary>The reply to a write comes before it is done.</summary>
    EarlyReply,

    /// <summary>A write gets the version of the one before.</summary>
    VersionGivenTwice,
}
