using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using KestrelKv.Client;

namespace KestrelKv.Cli.Output;

/// <summary>Results as JSON objects on one line.</summary>
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
            WriteText(json, "key", copy.Key);
            if (hasFound) json.WriteBoolean("found", copy.Found);
            if (!copy.Found) return;
            WriteValue(json, "value", copy.Value.Span);
            json.WriteNumber("version", copy.Version);
            WriteExpiry(json, copy.ExpiresAt);
        });
    }

    /// <summary>Writes a member whose value is copied byte for byte, except that it is put on one line.</summary>
    public static void WriteValue(Utf8JsonWriter json, string name, ReadOnlySpan<byte> value) => WriteRaw(json, name, OnOneLine(value));

    /// <summary>Writes a member whose value is copied byte for byte.</summary>
    public static void WriteRaw(Utf8JsonWriter json, string name, ReadOnlySpan<byte> value)
    {
        json.WritePropertyName(name);
        json.WriteRawValue(value, skipInputValidation: true);
    }

    /// <summary>Returns a JSON text itself if it is on one line; otherwise without the white space between its tokens.</summary>
    public static ReadOnlySpan<byte> OnOneLine(ReadOnlySpan<byte> json) => json.IndexOfAny("\r\n"u8) < 0 ? json : JsonPrinter.ToLine(json);

    /// <summary>Returns a JSON string with the given text. Only quotes, backslashes and control characters are escaped.</summary>
    public static byte[] String(string text)
    {
        var escaped = new StringBuilder(text.Length + 10).Append('"');
        foreach (char c in text)
        {
            if (c is '"' or '\\') escaped.Append('\\').Append(c);
            else if (char.IsControl(c)) escaped.Append(DisplayText.Of(c.ToString()));
            else escaped.Append(c);
        }
        return Encoding.UTF8.GetBytes(escaped.Append('"').ToString());
    }

    /// <summary>Writes a member whose value is a text, such as a key.</summary>
    public static void WriteText(Utf8JsonWriter json, string name, string text) => WriteRaw(json, name, String(text));

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
        if (expiresAt is not { } time) json.WriteNull("expires_at");
        else WriteRaw(json, "expires_at",
            Encoding.UTF8.GetBytes((time.ToUnixTimeMilliseconds() / 1000m).ToString("0.###", CultureInfo.InvariantCulture)));
    }
}
