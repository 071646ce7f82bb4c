using System.Text;
using KestrelKv.Cli.Scanning;
using KestrelKv.Client;

namespace KestrelKv.Cli.Transfer;

/// <summary>An entry as the source has it now.</summary>
/// <param name="Version">The version; 0 if the key is missing.</param>
/// <param name="Value">The value, as spelled.</param>
/// <param name="ExpiresAt">The expiry, as spelled.</param>
internal sealed record CurrentEntry(long Version, byte[] Value, byte[] ExpiresAt);

/// <summary>Reads the entries whose expiries have changed. The change of a watch lacks the value.</summary>
/// <remarks>
/// A copy of such an entry may have expired already, when a change that extends its expiry arrives. Then the value is needed. If the entry has
/// a later version than the change, a later change follows, which either has the value or is looked up in turn.
/// </remarks>
internal sealed class CurrentEntries(KestrelKvClient client)
{
    private const int KeysMax = 100;

    private readonly ByteText _response = new();
    private readonly ByteText _parameters = new(1_024);

    /// <summary>Returns the keys of the changes of expiries in a reply, as JSON strings; empty if there are none.</summary>
    public static List<byte[]> KeysOf(ReadOnlySpan<byte> reply)
    {
        List<byte[]> keys = [];
        if (reply.IndexOf("\"set_expiry\""u8) < 0) return keys;
        var reader = new EntryReader(reply);
        while (reader.TryRead(out EntrySlice change))
            if (change.IsSetExpiry) keys.Add(change.Key.ToArray());
        return keys;
    }

    /// <summary>Reads entries. The result has an element for each key, as spelled.</summary>
    public async Task<Dictionary<string, CurrentEntry>> ReadAsync(IReadOnlyList<byte[]> keys, CancellationToken stop)
    {
        Dictionary<string, CurrentEntry> entries = new(StringComparer.Ordinal);
        foreach (byte[][] chunk in keys.Chunk(KeysMax)) await ReadAsync(chunk, entries, stop);
        return entries;
    }

    private async Task ReadAsync(byte[][] keys, Dictionary<string, CurrentEntry> entries, CancellationToken stop)
    {
        _parameters.Clear();
        foreach (byte[] key in keys) _parameters.Add(_parameters.Length == 0 ? "\"objs\": ["u8 : ", "u8).Add(key);
        _parameters.Add("], \"meta\": true"u8);
        _response.Clear();
        try
        {
            await client.CallUtf8Async("MGET", _parameters.Memory, _response, mayRepeat: true, cancellationToken: stop);
            Add(_response.Span, entries);
        }
        catch (RefusedException e) when (e.Code == "value_too_long" && keys.Length > 1)
        {
            // All values together exceed the server's Limits:ReadBytesMax, which does not apply to one key.
            foreach (byte[] key in keys) await ReadAsync([key], entries, stop);
        }
    }

    public static string NameOf(ReadOnlySpan<byte> key) => Encoding.UTF8.GetString(key);

    private static void Add(ReadOnlySpan<byte> response, Dictionary<string, CurrentEntry> entries)
    {
        var reader = new EntryReader(response);
        while (reader.TryRead(out EntrySlice entry))
            entries[NameOf(entry.Key)] = new(entry.VersionNumber, entry.Value.ToArray(), entry.ExpiresAt.ToArray());
    }
}
