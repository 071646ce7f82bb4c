using KestrelKv.Protocol;
using KestrelKv.Storage;

namespace KestrelKv.Wire;

/// <summary>The format of the entries of a listing; by default, that of SCAN.</summary>
public class ListFormat
{
    /// <summary>That of SCAN.</summary>
    public static ListFormat Scan { get; } = new();

    /// <summary>The name of the member that has the entries.</summary>
    public virtual string Name => "entries";

    /// <summary>Writes an entry, under the rules of <see cref="IEntrySink"/>.</summary>
    /// <param name="text">Where to.</param>
    /// <param name="entry">The entry.</param>
    /// <param name="options">What the request asks for.</param>
    public virtual void WriteEntry(TextBuffer text, in EntryView entry, RequestOptions options) =>
        ResponseText.WriteListed(text, entry.Key, options.Values ? entry.Value : default, new EntryText
        {
            Members = options.Meta ? ResponseMembers.Version | ResponseMembers.ExpiresAt : ResponseMembers.None,
            Version = entry.Version,
            ExpiresAt = entry.ExpiresAt,
        });
}
