namespace KestrelKv.Protocol;

/// <summary>Writes the JSON object of an error.</summary>
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
        if (error.Index is { } index) text.WriteMember(", \"index\": "u8, index);
        if (error.Version is { } version) text.WriteMember(", \"version\": "u8, version);
        if (error.OldestVersion is { } oldest) text.WriteMember(", \"oldest_version\": "u8, oldest);
        if (error.Watch is { } watch) text.WriteMember(", \"watch\": "u8, watch);
        text.Write("}"u8);
    }
}
