using System.Text.Json;

namespace KestrelKv.Client.Replies;

/// <summary>The error in a reply: <c>{"code": "...", "message": "...", "index": 0, "version": 1, "oldest_version": 1}</c>.</summary>
internal readonly record struct ServerError(string Code, string Message, int? Index, long? Version, long? OldestVersion)
{
    private const string Unavailable = "unavailable";
    private const string OutcomeUnknown = "outcome_unknown";

    /// <summary>The status of the write, if the error is a result of it: a failed precondition or test, or a missing part.</summary>
    public WriteStatus? Status => Code switch
    {
        "precondition_failed" => WriteStatus.PreconditionFailed,
        "test_failed" => WriteStatus.TestFailed,
        "not_found" => WriteStatus.NotFound,
        "path_not_found" => WriteStatus.PathNotFound,
        _ => null,
    };

    /// <summary>Parses the reply if it is an error.</summary>
    /// <exception cref="OutcomeUnknownException">The reply cannot be read.</exception>
    public static bool TryRead(ReadOnlySpan<byte> reply, out ServerError error)
    {
        error = default;
        if (reply.StartsWith("{\"status\": \"OK\""u8)) return false;
        try
        {
            return TryParse(reply, out error);
        }
        catch (JsonException e)
        {
            throw ReplyJson.NotJson(e);
        }
    }

    /// <summary>
    /// Returns why the connection must close: the reply is an error after which the server closes it, which answers no request except for
    /// <c>frame_too_long</c>, or the reply cannot be read. Otherwise null.
    /// </summary>
    public static KestrelKvException? ClosingReason(ReadOnlySpan<byte> reply)
    {
        if (reply.StartsWith("{\"status\": \"OK\""u8)) return null;
        ServerError error;
        try
        {
            if (!TryRead(reply, out error)) return null;
        }
        catch (OutcomeUnknownException e)
        {
            return e;
        }
        return error.Code is "unsupported_version" or "invalid_length" or "frame_too_long" or "truncated_frame" or "too_many_connections" or
            "protected_mode" or "idle_timeout" or "auth_timeout" or "auth_revoked" or "requests_full" or "internal_error"
            ? error.ToException()
            : null;
    }

    /// <summary>
    /// Returns the error of a reply that says that the database of the server has failed, after which the request may be repeated. Otherwise
    /// null.
    /// </summary>
    public static KestrelKvException? StoreFailure(ReadOnlySpan<byte> reply)
    {
        try
        {
            return TryRead(reply, out ServerError error) && error.Code is Unavailable or OutcomeUnknown ? error.ToException() : null;
        }
        catch (KestrelKvException)
        {
            return null; // The reply cannot be read, which its caller reports.
        }
    }

    public KestrelKvException ToException() => Code switch
    {
        "compacted" => new HistoryCompactedException(Message, OldestVersion ?? 0),
        // The write may be on disk, and appear after the restart of the server; or the database may still commit it.
        "disk_failed" or OutcomeUnknown => new OutcomeUnknownException($"{Message} ({Code})", code: Code),
        _ => new RefusedException(Code, Message, Index, Version),
    };

    private static bool TryParse(ReadOnlySpan<byte> reply, out ServerError error)
    {
        error = default;
        string code = "", message = "";
        int? index = null;
        long? version = null, oldest = null;
        bool isError = false;
        var reader = new Utf8JsonReader(reply, ReplyText.ReaderOptions);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (!reader.ValueTextEquals("error"u8) || !reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                reader.Skip();
                continue;
            }
            isError = true;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (reader.ValueTextEquals("code"u8)) code = reader.ReadText() ?? "";
                else if (reader.ValueTextEquals("message"u8)) message = reader.ReadText() ?? "";
                else if (reader.ValueTextEquals("index"u8)) index = (int)Math.Clamp(reader.ReadInteger(), 0, int.MaxValue);
                else if (reader.ValueTextEquals("version"u8)) version = reader.ReadInteger();
                else if (reader.ValueTextEquals("oldest_version"u8)) oldest = reader.ReadInteger();
                else reader.Skip();
            }
        }
        if (isError) error = new(code, message, index, version, oldest);
        return isError;
    }
}
