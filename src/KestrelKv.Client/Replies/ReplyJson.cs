using System.Text.Json;

namespace KestrelKv.Client.Replies;

/// <summary>Reads members of replies whose type is known. Another type is a fault of the server.</summary>
internal static class ReplyJson
{
    /// <summary>Reads the next token, which must be an integer.</summary>
    public static long ReadInteger(this ref Utf8JsonReader reader) =>
        reader.Read() && reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out long number) ? number : throw Unexpected("an integer");

    /// <summary>Reads the next token, which must be a string or null.</summary>
    public static string? ReadText(this ref Utf8JsonReader reader)
    {
        if (!reader.Read() || reader.TokenType is not (JsonTokenType.String or JsonTokenType.Null)) throw Unexpected("a string or null");
        try
        {
            return reader.GetString();
        }
        catch (InvalidOperationException e)
        {
            throw Unexpected("valid Unicode", e);
        }
    }

    /// <summary>Reads the next token, which must be a time in seconds since 1970, or null.</summary>
    public static DateTimeOffset? ReadTime(this ref Utf8JsonReader reader)
    {
        if (reader.Read() && reader.TokenType == JsonTokenType.Null) return null;
        if (reader.TokenType != JsonTokenType.Number || !reader.TryGetDecimal(out decimal seconds) || seconds < MinSeconds || seconds > MaxSeconds)
            throw Unexpected("a time");
        return DateTimeOffset.UnixEpoch.AddTicks((long)(seconds * TimeSpan.TicksPerSecond));
    }

    /// <summary>Reads the next token, which must be the start of an object or an array.</summary>
    public static void ReadStart(this ref Utf8JsonReader reader, JsonTokenType start)
    {
        if (!reader.Read() || reader.TokenType != start) throw Unexpected(start == JsonTokenType.StartArray ? "an array" : "an object");
    }

    public static OutcomeUnknownException Unexpected(string expected, Exception? inner = null) =>
        new($"The server sent a reply that cannot be read: a member is missing or has another type, expected {expected}.", inner);

    public static OutcomeUnknownException NotJson(JsonException reason) => new("The server sent a reply that is not valid JSON.", reason);

    private static readonly decimal MinSeconds = DateTimeOffset.MinValue.ToUnixTimeSeconds();
    private static readonly decimal MaxSeconds = DateTimeOffset.MaxValue.ToUnixTimeSeconds() + 0.999m;
}
