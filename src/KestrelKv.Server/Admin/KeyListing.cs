using KestrelKv.Protocol;
using KestrelKv.Storage;
using KestrelKv.Wire;

namespace KestrelKv.Server.Admin;

/// <summary>A page of keys in lexicographic byte order.</summary>
/// <param name="Keys">The keys.</param>
/// <param name="Prefixes">
/// The common prefixes of the keys that contain the delimiter after the prefix, if the request has <c>delimiter</c>. The limit counts keys
/// and prefixes together, in one order.
/// </param>
/// <param name="Next" example="user:1">The value of <c>after</c> for the next page; null on the last page.</param>
/// <param name="Version" example="5">
/// The latest version visible to watches at the start of the page. A watch from the next version misses no change.
/// </param>
public sealed record KeyPage(IReadOnlyList<KeyEntry> Keys, IReadOnlyList<KeyPrefix>? Prefixes, string? Next, long Version);

/// <summary>A group of keys with a common prefix.</summary>
/// <param name="Prefix" example="user:">The prefix, up to and including the delimiter.</param>
/// <param name="Keys" example="2">The number of keys with this prefix.</param>
public sealed record KeyPrefix(string Prefix, long Keys);

/// <summary>The result of a count.</summary>
/// <param name="Count" example="2">The number of keys.</param>
/// <param name="Version" example="5">The latest version visible to watches at the start of the count.</param>
public sealed record KeyCount(long Count, long Version);

/// <summary>An entry of a page.</summary>
/// <param name="Key" example="user:1">The key.</param>
/// <param name="Version" example="5">The version of its last change.</param>
/// <param name="ExpiresAt" example="null">The expiry: Unix time in seconds; null if the entry does not expire.</param>
/// <param name="Bytes" example="28">The length of the value in bytes.</param>
/// <param name="Value" example="{&quot;name&quot;: &quot;Ada&quot;, &quot;visits&quot;: 1}">
/// The value, if the request has <c>values</c>.
/// </param>
public sealed record KeyEntry(string Key, long Version, decimal? ExpiresAt, long Bytes, object? Value);

/// <summary>Writes the entries of a <see cref="KeyPage"/>, with values as their exact text.</summary>
internal sealed class KeyListing : ListFormat
{
    public static KeyListing Format { get; } = new();

    public override string Name => "keys";

    public override string GroupsName => "prefixes";

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
