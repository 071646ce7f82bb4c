namespace KestrelKv.Server.Tests.Histories;

/// <summary>What a step does to its key. All values are integers.</summary>
internal enum StepKind
{
    Get,
    Put,
    Delete,
    Incr,
}

/// <summary>One operation on one key: a call by itself, or a part of one.</summary>
/// <param name="Kind">What it does.</param>
/// <param name="Key">The number of its key in the history.</param>
/// <param name="Argument">What is put, or added.</param>
internal sealed record Step(StepKind Kind, int Key, long Argument = 0)
{
    /// <summary>The version that the entry must have; 0 for no entry; null for no such precondition.</summary>
    public long? IfVersion { get; init; }

    /// <summary>Whether there must be an entry; null for no such precondition.</summary>
    public bool? IfExists { get; init; }

    /// <summary>Whether the reply is to tell the version.</summary>
    public bool Meta { get; init; }

    /// <summary>Whether the reply is to tell the value from before.</summary>
    public bool ReturnOld { get; init; }
}

/// <summary>What a reply tells of a step.</summary>
/// <param name="Found">Whether there was an entry; null where it does not tell.</param>
/// <param name="Value">The value that was read, or replaced, or added to; null where it does not tell, or there was none.</param>
/// <param name="Version">The version of the entry, or of the change; null where it does not tell.</param>
internal sealed record StepReply(bool? Found, long? Value, long? Version);
