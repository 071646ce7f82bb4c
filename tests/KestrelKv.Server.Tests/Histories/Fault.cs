namespace KestrelKv.Server.Tests.Histories;

public enum Fault
{
    None,

    /// <summary>Some reads return the previous value.</summary>
    StaleRead,

    /// <summary>Some writes are acknowledged but not executed.</summary>
    LostUpdate,

    /// <summary>Other calls are executed between the first step of a batch and its other steps.</summary>
    TornBatch,

    /// <summary>The steps before the failing one of a refused batch are executed.</summary>
    HalfBatch,

    /// <summary>A compare-and-set ignores the version.</summary>
    IgnoredPrecondition,

    /// <summary>Some increments are executed twice.</summary>
    DoneTwice,

    /// <summary>A write is acknowledged before it is executed.</summary>
    EarlyReply,

    /// <summary>Some writes get the version of the previous write.</summary>
    VersionGivenTwice,
}
