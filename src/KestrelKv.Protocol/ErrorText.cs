namespace KestrelKv.Protocol;

/// <summary>Writes the object that tells an error.</summary>
public static class ErrorText
{
    /// <summary>
    /// <c>{"code": CODE, "message": TEXT[, "index": N][, "version": V][, "oldest_version": V][, "watch": N]}</c>
    /// </summary>
    public static void Write(TextBuffer text, ProtocolError error)
    {
        text.Write("{\"code\": "u8);
        text.WriteString(ErrorCodes.Text(error.Code));
        text.Write(", \"message\": "u8);
        text.WriteString(error.Message);
        if (error.Index is { } index) WriteMember(text, ", \"index\": "u8, index);
        if (error.Version is { } version) WriteMember(text, ", \"version\": "u8, version);
        if (error.OldestVersion is { } oldest) WriteMember(text, ", \"oldest_version\": "u8, oldest);
        if (error.Watch is { } watch) WriteMember(text, ", \"watch\": "u8, watch);
        text.Write("}"u8);
    }

    private static void WriteMember(TextBuffer text, ReadOnlySpan<byte> name, long number)
    {
        text.Write(name);
        text.WriteNumber(number);
    }
}
