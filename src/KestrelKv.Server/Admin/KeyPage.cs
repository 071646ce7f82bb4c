using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using KestrelKv.Storage;

namespace KestrelKv.Server.Admin;

/// <summary>A page of keys in the order of their UTF-8 bytes.</summary>
/// <param name="Keys">The keys.</param>
/// <param name="Next" example="user:1">What to give as <c>after</c> for the next page; null after the last page.</param>
/// <param name="Version" example="5">The last version that a watch had been shown when the page was begun: to watch from the next one on misses nothing.</param>
public sealed record KeyPage(IReadOnlyList<KeyEntry> Keys, string? Next, long Version);

/// <summary>How many keys there are.</summary>
/// <param name="Count" example="2">The number.</param>
public sealed record KeyCount(long Count);

/// <summary>A key of a page.</summary>
/// <param name="Key" example="user:1">The key.</param>
/// <param name="Version" example="5">The version of its last change.</param>
/// <param name="ExpiresAt" example="null">When it expires; null for not at all.</param>
/// <param name="Bytes" example="28">The length of its value's text.</param>
/// <param name="Value" example="{&quot;name&quot;: &quot;Ada&quot;, &quot;visits&quot;: 1}">Its value, where values were asked for.</param>
public sealed record KeyEntry(string Key, long Version, DateTimeOffset? ExpiresAt, long Bytes, object? Value);

/// <summary>Writes a <see cref="KeyPage"/> as entries come, values as the very text that they are.</summary>
internal sealed class KeyPageWriter : IEntrySink, IDisposable
{
    /// <summary>A page ends with the entry that brings it to so many bytes: 4 MiB.</summary>
    private const int PageBytesMax = 4 * 1024 * 1024;

    private readonly ArrayBufferWriter<byte> _buffer = new();
    private readonly Utf8JsonWriter _json;
    private readonly bool _values;
    private byte[] _lastKey = [];

    public KeyPageWriter(bool values)
    {
        _values = values;
        _json = new Utf8JsonWriter(_buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        _json.WriteStartObject();
        _json.WriteStartArray("keys");
    }

    public bool OnEntry(in EntryView entry)
    {
        _json.WriteStartObject();
        _json.WriteString("key", entry.Key);
        _json.WriteNumber("version", entry.Version);
        if (entry.ExpiresAt == Operation.Never) _json.WriteNull("expires_at");
        else _json.WriteString("expires_at", DateTimeOffset.FromUnixTimeMilliseconds(entry.ExpiresAt));
        _json.WriteNumber("bytes", entry.Value.Length);
        if (_values)
        {
            _json.WritePropertyName("value");
            _json.WriteRawValue(entry.Value, skipInputValidation: true);
        }
        _json.WriteEndObject();

        _lastKey = entry.Key.ToArray();
        return _json.BytesCommitted + _json.BytesPending < PageBytesMax;
    }

    /// <summary>The whole page; valid until this is disposed of.</summary>
    /// <param name="more">Whether there are keys after the last one.</param>
    /// <param name="version">The store's version.</param>
    public ReadOnlyMemory<byte> Finish(bool more, long version)
    {
        _json.WriteEndArray();
        if (more) _json.WriteString("next", _lastKey);
        else _json.WriteNull("next");
        _json.WriteNumber("version", version);
        _json.WriteEndObject();
        _json.Flush();
        return _buffer.WrittenMemory;
    }

    public void Dispose() => _json.Dispose();
}
