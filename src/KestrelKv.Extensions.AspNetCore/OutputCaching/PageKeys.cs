using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace KestrelKv.Extensions.AspNetCore.OutputCaching;

/// <summary>The names of the keys of an output cache.</summary>
/// <remarks>
/// <c>PREFIXpage:KEY</c> is a page. <c>PREFIXtag:TAG/KEY</c> states that a page has a tag; it expires with the page, so nothing has to be cleaned
/// up. <c>PREFIXevicted:TAG</c> exists for a while after the eviction of a tag. In a tag, <c>/</c> is written as <c>%2F</c>, and <c>%</c> as
/// <c>%25</c>.
/// </remarks>
/// <param name="prefix">The prefix of all keys.</param>
internal sealed class PageKeys(string prefix)
{
    /// <summary>The longest key of a page that is used as it is, in characters. Clients choose it, by the length of their URLs.</summary>
    private const int KeyLengthMax = 512;

    private const int TagLengthMax = 128;

    public string Page(string name) => $"{prefix}page:{name}";

    /// <summary>Returns the name of a page: its key, or a hash of a long key.</summary>
    public static string NameOf(string key) => key.Length <= KeyLengthMax ? key : $"sha256:{Hash(key)}";

    public string Tagged(string tag, string name) => TagPrefix(tag) + name;

    public string TagPrefix(string tag) => $"{prefix}tag:{Escape(tag)}/";

    public string Evicted(string tag) => $"{prefix}evicted:{Escape(tag)}";

    private static string Escape(string tag) =>
        tag.Length > TagLengthMax ? $"%{Hash(tag)}" : tag.Replace("%", "%25", StringComparison.Ordinal).Replace("/", "%2F", StringComparison.Ordinal);

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes(text.AsSpan())));
}
