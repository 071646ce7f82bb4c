namespace KestrelKv.Testing.Histories;

/// <summary>The operation of a step. All values are integers.</summary>
internal enum StepKind
{
    Get,
    Put,
    Delete,
    Incr,
}

/// <summary>
/// One operation on one key: a call of its own, or a part of one. <paramref name="Argument"/> is the value to put or the number to add.
/// </summary>
internal sealed record Step(StepKind Kind, int Key, long Argument = 0)
{
    /// <summary>The version that the entry must have; 0 for no entry; null for no precondition.</summary>
    public long? IfVersion { get; init; }

    /// <summary>Whether there must be an entry; null for no precondition.</summary>
    public bool? IfExists { get; init; }

    public bool Meta { get; init; }

    public bool ReturnOld { get; init; }
}

/// <summary>The reply to a step.</summary>
/// <param name="Found">Whether there was an entry; null if the reply does not report it.</param>
/// <param name="Value">The value that was read or replaced, or the sum; null if the reply has none.</param>
/// <param name="Version">The version of the entry or of the change; null if the reply has none.</param>
internal sealed record StepReply(bool? Found, long? Value, long? Version);
