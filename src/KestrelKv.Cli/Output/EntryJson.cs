using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using KestrelKv.Client;

namespace KestrelKv.Cli.Output;

/// <summary>Results as JSON objects. Values are copied byte for byte.</summary>
internal static class EntryJson
{
    /// <summary>Options of the writers of this program. Values are valid JSON already: the server or the client has checked them.</summary>
    public static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    /// <summary>Returns <c>{"key", "found", "value", "version", "expires_at"}</c>. A missing entry has no other members than the first two.</summary>
    /// <param name="entry">The entry.</param>
    /// <param name="hasFound">Whether to write <c>found</c>: not for entries that a scan lists, which exist.</param>
    public static byte[] Of(in Entry<ReadOnlyMemory<byte>> entry, bool hasFound = true)
    {
        Entry<ReadOnlyMemory<byte>> copy = entry;
        return Object(json =>
        {
            json.WriteString("key", copy.Key);
            if (hasFound) json.WriteBoolean("found", copy.Found);
            if (!copy.Found) return;
            json.WritePropertyName("value");
            json.WriteRawValue(copy.Value.Span, skipInputValidation: true);
            json.WriteNumber("version", copy.Version);
            WriteExpiry(json, copy.ExpiresAt);
        });
    }

    /// <summary>Returns a JSON string with the given text.</summary>
    public static byte[] String(string text) => System.Text.Encoding.UTF8.GetBytes($"\"{JsonEncodedText.Encode(text, Options.Encoder)}\"");

    /// <summary>Returns a JSON object.</summary>
    public static byte[] Object(Action<Utf8JsonWriter> write)
    {
        var text = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(text, Options))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }
        return text.WrittenSpan.ToArray();
    }

    /// <summary>Writes <c>expires_at</c> in seconds since 1970, with milliseconds if it has any, or null: as the server does.</summary>
    public static void WriteExpiry(Utf8JsonWriter json, DateTimeOffset? expiresAt)
    {
        json.WritePropertyName("expires_at");
        if (expiresAt is { } time) json.WriteRawValue(UnixSeconds(time), skipInputValidation: true);
        else json.WriteNullValue();
    }

    public static string UnixSeconds(DateTimeOffset time) =>
        (time.ToUnixTimeMilliseconds() / 1000m).ToString("0.###", CultureInfo.InvariantCulture);
}
