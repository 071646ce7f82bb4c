using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using KestrelKv.Client;

namespace KestrelKv.Cli.KeyStats;

/// <summary>Reads the entries of a prefix page by page. Buffers are used again: memory is that of one page.</summary>
internal sealed class ScanPages(KestrelKvClient client, string prefix, string? after)
{
    private const int EntriesMax = 1_000;

    private readonly ArrayBufferWriter<byte> _page = new();
    private byte[]? _after = after is null ? null : Quote(after);
    private byte[] _key = new byte[4_096];

    /// <summary>The last key read, or the key where the scan began; null if there is none.</summary>
    public string? Position { get; private set; } = after;

    /// <summary>Reads a page.</summary>
    /// <returns>Whether there are further pages.</returns>
    /// <exception cref="KestrelKvException">The call failed. The position is that of the last page.</exception>
    public async Task<bool> ReadAsync(KeyTotals totals, CancellationToken stop)
    {
        _page.ResetWrittenCount();
        await client.CallUtf8Async("SCAN", Parameters(), _page, mayRepeat: true, cancellationToken: stop);
        byte[]? next = Parse(_page.WrittenSpan, totals, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() / 1_000.0);
        _after = next ?? _after;
        return next is not null;
    }

    private byte[] Parameters()
    {
        var text = new ArrayBufferWriter<byte>(256);
        text.Write("\"prefix\": "u8);
        text.Write(Quote(prefix));
        if (_after is { } start)
        {
            text.Write(", \"after\": "u8);
            text.Write(start);
        }
        text.Write(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $", \"limit\": {EntriesMax}, \"values\": true, \"meta\": true")));
        return text.WrittenSpan.ToArray();
    }

    /// <summary>Adds the entries of a page.</summary>
    /// <returns>The member <c>next</c> as JSON text; null on the last page.</returns>
    private byte[]? Parse(ReadOnlySpan<byte> page, KeyTotals totals, double now)
    {
        var reader = new Utf8JsonReader(page, new JsonReaderOptions { MaxDepth = 100_000 });
        byte[]? next = null;
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            bool isEntries = reader.ValueTextEquals("entries"u8), isNext = reader.ValueTextEquals("next"u8);
            reader.Read();
            if (isEntries) ParseEntries(ref reader, totals, now);
            else if (isNext && reader.TokenType == JsonTokenType.String) next = page[(int)reader.TokenStartIndex..(int)reader.BytesConsumed].ToArray();
            else reader.Skip();
        }
        return next;
    }

    private void ParseEntries(ref Utf8JsonReader reader, KeyTotals totals, double now)
    {
        int keyBytes = 0;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            (keyBytes, int valueBytes, double? expiresAt) = ParseEntry(ref reader);
            totals.Add(_key.AsSpan(0, keyBytes), valueBytes, expiresAt - now);
        }
        if (keyBytes > 0) Position = Encoding.UTF8.GetString(_key, 0, keyBytes);
    }

    private (int KeyBytes, int ValueBytes, double? ExpiresAt) ParseEntry(ref Utf8JsonReader reader)
    {
        (int keyBytes, int valueBytes, double? expiresAt) = (0, 0, null);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            bool isKey = reader.ValueTextEquals("obj"u8), isValue = reader.ValueTextEquals("val"u8), isExpiry = reader.ValueTextEquals("expires_at"u8);
            reader.Read();
            if (isKey) keyBytes = CopyKey(ref reader);
            else if (isExpiry && reader.TokenType == JsonTokenType.Number) expiresAt = reader.GetDouble();
            long start = reader.TokenStartIndex;
            reader.Skip();
            if (isValue) valueBytes = (int)(reader.BytesConsumed - start);
        }
        return (keyBytes, valueBytes, expiresAt);
    }

    private int CopyKey(ref Utf8JsonReader reader)
    {
        if (_key.Length < reader.ValueSpan.Length) _key = new byte[reader.ValueSpan.Length * 2]; // An escape is no shorter than its character.
        return reader.CopyString(_key);
    }

    private static byte[] Quote(string text) =>
        [(byte)'"', .. JsonEncodedText.Encode(text, JavaScriptEncoder.UnsafeRelaxedJsonEscaping).EncodedUtf8Bytes, (byte)'"'];
}
