using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace KestrelKv.Client.Replies;

/// <summary>Reads replies: <c>{"status": "OK", "response": {"func": "GET", "response": {...}}}</c>.</summary>
internal static class ReplyText
{
    /// <summary>Permits the deepest nesting of a reply: the server's largest setting for values, and the levels around them.</summary>
    public static readonly JsonReaderOptions ReaderOptions = new() { MaxDepth = 100_000 };

    /// <summary>Returns the inner response object of a reply.</summary>
    /// <param name="reply">The body of the reply.</param>
    /// <param name="error">The error of the reply; otherwise the default.</param>
    /// <returns>The text of the response; empty if the reply is an error.</returns>
    /// <exception cref="OutcomeUnknownException">The reply has neither.</exception>
    public static ReadOnlySpan<byte> Open(ReadOnlySpan<byte> reply, out ServerError error)
    {
        error = default;
        if (TryOpenUsual(reply, out ReadOnlySpan<byte> response)) return response;
        if (ServerError.TryRead(reply, out error)) return default;
        try
        {
            return OpenAny(reply);
        }
        catch (JsonException e)
        {
            throw ReplyJson.NotJson(e);
        }
    }

    /// <summary>Returns the inner response object of a reply, or throws its error.</summary>
    public static ReadOnlySpan<byte> OpenOrThrow(ReadOnlySpan<byte> reply)
    {
        ReadOnlySpan<byte> response = Open(reply, out ServerError error);
        return error.Code is null ? response : throw error.ToException();
    }

    /// <summary>Reads an entry: <c>{"obj": ..., "val": ..., "found": ..., "version": ..., "expires_at": ...}</c>.</summary>
    public static EntryText ReadEntry(ReadOnlySpan<byte> response)
    {
        var entry = new EntryText();
        try
        {
            var reader = new Utf8JsonReader(response, ReaderOptions);
            reader.Read();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName) entry.Take(ref reader, response);
            return entry;
        }
        catch (JsonException e)
        {
            throw ReplyJson.NotJson(e);
        }
    }

    /// <summary>Reads the result of a write. A failed precondition or test, or a missing part, is a result.</summary>
    public static WriteResult ReadWrite(ReadOnlySpan<byte> reply)
    {
        ReadOnlySpan<byte> response = Open(reply, out ServerError error);
        if (error.Code is not null) return new() { Status = error.Status ?? throw error.ToException(), Existed = error.Version > 0, Version = error.Version ?? 0 };
        return ReadEntry(response).ToWrite();
    }

    /// <summary>Reads the result of an increment.</summary>
    public static IncrementResult<T> ReadIncrement<T>(ReadOnlySpan<byte> reply, JsonTypeInfo<T> type)
    {
        ReadOnlySpan<byte> response = Open(reply, out ServerError error);
        if (error.Code is not null)
            return new() { Status = error.Status ?? throw error.ToException(), Value = default!, Existed = error.Version > 0, Version = error.Version ?? 0 };
        return ReadEntry(response).ToIncrement(type);
    }

    /// <summary>Opens a reply in the server's usual spelling without parsing it.</summary>
    private static bool TryOpenUsual(ReadOnlySpan<byte> reply, out ReadOnlySpan<byte> response)
    {
        response = default;
        ReadOnlySpan<byte> head = "{\"status\": \"OK\", \"response\": {\"func\": \""u8, middle = "\", \"response\": "u8, tail = "}}"u8;
        if (!reply.StartsWith(head)) return false;
        ReadOnlySpan<byte> rest = reply[head.Length..];
        int name = rest.IndexOf((byte)'"');
        if (name < 0 || !rest[name..].StartsWith(middle) || !rest.EndsWith(tail)) return false;
        response = rest[(name + middle.Length)..^tail.Length];
        // Otherwise it is a text: "ERROR - Function doesn't exist".
        return response.StartsWith((byte)'{');
    }

    private static ReadOnlySpan<byte> OpenAny(ReadOnlySpan<byte> reply)
    {
        var reader = new Utf8JsonReader(reply, ReaderOptions);
        reader.Read();
        if (!TryEnter(ref reader) || !TryEnter(ref reader) || reader.TokenType != JsonTokenType.StartObject)
            throw new OutcomeUnknownException("The server sent a reply that is neither a response nor an error.");
        int start = (int)reader.TokenStartIndex;
        reader.Skip();
        return reply[start..(int)reader.BytesConsumed];

        // Moves to the value of the member "response". Other members may contain members of this name.
        static bool TryEnter(ref Utf8JsonReader reader)
        {
            if (reader.TokenType != JsonTokenType.StartObject) return false;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (reader.ValueTextEquals("response"u8)) return reader.Read();
                reader.Skip();
            }
            return false;
        }
    }
}

/// <summary>An entry in a reply. The texts refer to the reply.</summary>
internal ref struct EntryText
{
    public ReadOnlySpan<byte> Key;
    public ReadOnlySpan<byte> Value;
    public ReadOnlySpan<byte> Old;
    public ReadOnlySpan<byte> Prefix;
    public ReadOnlySpan<byte> Kind;
    public bool Found;
    public long Version;
    public long Keys;
    public DateTimeOffset? ExpiresAt;

    /// <summary>Reads one member.</summary>
    /// <param name="reader">A reader at the name of the member.</param>
    /// <param name="text">The text that the reader reads.</param>
    public void Take(scoped ref Utf8JsonReader reader, ReadOnlySpan<byte> text)
    {
        if (reader.ValueTextEquals("obj"u8)) Key = Raw(ref reader, text);
        else if (reader.ValueTextEquals("val"u8)) Value = Raw(ref reader, text);
        else if (reader.ValueTextEquals("found"u8)) Found = reader.Read() && reader.TokenType == JsonTokenType.True;
        else if (reader.ValueTextEquals("version"u8)) Version = reader.ReadInteger();
        else if (reader.ValueTextEquals("expires_at"u8)) ExpiresAt = reader.ReadTime();
        else if (reader.ValueTextEquals("old"u8)) Old = Raw(ref reader, text);
        else if (reader.ValueTextEquals("kind"u8)) Kind = Raw(ref reader, text);
        else if (reader.ValueTextEquals("prefix"u8)) Prefix = Raw(ref reader, text);
        else if (reader.ValueTextEquals("keys"u8)) Keys = reader.ReadInteger();
        else reader.Skip();
    }

    public readonly Entry<T> ToEntry<T>(string key, JsonTypeInfo<T> type) =>
        new(key, Found, Found ? JsonSerializer.Deserialize(Value, type) : default, Version, ExpiresAt);

    public readonly WriteResult ToWrite() => new() { Existed = Found, Version = Version, ExpiresAt = ExpiresAt, Old = Old.ToArray() };

    public readonly IncrementResult<T> ToIncrement<T>(JsonTypeInfo<T> type) =>
        new() { Value = JsonSerializer.Deserialize(Value, type)!, Existed = Found, Version = Version, ExpiresAt = ExpiresAt };

    /// <summary>Returns a JSON string as text.</summary>
    public static string Text(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        return reader.ReadText() ?? "";
    }

    private static ReadOnlySpan<byte> Raw(scoped ref Utf8JsonReader reader, ReadOnlySpan<byte> text)
    {
        reader.Read();
        int start = (int)reader.TokenStartIndex;
        reader.Skip();
        return text[start..(int)reader.BytesConsumed];
    }
}
