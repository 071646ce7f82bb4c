using KestrelKv.Protocol;
using KestrelKv.Storage;
using KestrelKv.Wire;

namespace KestrelKv.Server.Admin;

/// <summary>A page of keys in the order of their UTF-8 bytes.</summary>
/// <param name="Keys">The keys.</param>
/// <param name="Next" example="user:1">What to give as <c>after</c> for the next page; null after the last page.</param>
/// <param name="Version" example="5">The last version that watches had seen when the page was begun: a watch from the next one on misses nothing.</param>
public sealed record KeyPage(IReadOnlyList<KeyEntry> Keys, string? Next, long Version);

/// <summary>How many keys there are.</summary>
/// <param name="Count" example="2">The number.</param>
/// <param name="Version" example="5">As that of a page.</param>
public sealed record KeyCount(long Count, long Version);

/// <summary>A key of a page.</summary>
/// <param name="Key" example="user:1">The key.</param>
/// <param name="Version" example="5">The version of its last change.</param>
/// <param name="ExpiresAt" example="null">When it expires: Unix time in seconds; null for not at all.</param>
/// <param name="Bytes" example="28">The length of its value's text.</param>
/// <param name="Value" example="{&quot;name&quot;: &quot;Ada&quot;, &quot;visits&quot;: 1}">Its value, if values were asked for.</param>
public sealed record KeyEntry(string Key, long Version, decimal? ExpiresAt, long Bytes, object? Value);

/// <summary>Writes the entries of a <see cref="KeyPage"/>, values as the very text that they are.</summary>
internal sealed class KeyListing : ListFormat
{
    public static KeyListing Format { get; } = new();

    public override string Name => "keys";

    public override void WriteEntry(TextBuffer text, in EntryView entry, RequestOptions options)
    {
        text.Write("{\"key\": "u8);
        text.WriteString(entry.Key);
        text.WriteMember(", \"version\": "u8, entry.Version);
        text.Write(", \"expires_at\": "u8);
        text.WriteTime(entry.ExpiresAt);
        text.WriteMember(", \"bytes\": "u8, entry.Value.Length);
        if (options.Values)
        {
            text.Write(", \"value\": "u8);
            text.Write(entry.Value);
        }
        text.Write("}"u8);
    }
}
