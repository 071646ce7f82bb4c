namespace KestrelKv.Json;

/// <summary>The reason why a text is not one JSON value.</summary>
/// <param name="Kind">The reason as a stable value.</param>
/// <param name="Message">The reason in English. The wording may change.</param>
public sealed record JsonFault(JsonFaultKind Kind, string Message);

/// <summary>The kinds of <see cref="JsonFault"/>.</summary>
public enum JsonFaultKind
{
    /// <summary>The text is not UTF-8.</summary>
    InvalidUtf8,

    /// <summary>The text is not one value in the grammar of RFC 8259.</summary>
    InvalidJson,

    /// <summary>Arrays and objects are nested deeper than the caller allows.</summary>
    TooDeep,
}
