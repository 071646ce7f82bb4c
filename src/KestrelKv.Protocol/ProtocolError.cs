namespace KestrelKv.Protocol;

/// <summary>What was wrong and what was expected, for a person to read.</summary>
/// <param name="Code">What programs tell errors apart by.</param>
/// <param name="Message">A sentence or two of English; its wording may change at any time.</param>
public sealed record ProtocolError(ErrorCode Code, string Message);
