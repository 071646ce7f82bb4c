using KestrelKv.Protocol;
using KestrelKv.Storage;

namespace KestrelKv.Wire;

/// <summary>The format of the entries of a listing. The base class has the format of SCAN.</summary>
public class ListFormat
{
    /// <summary>The format of SCAN.</summary>
    public static ListFormat Scan { get; } = new();

    /// <summary>The name of the member that contains the entries.</summary>
    public virtual string Name => "entries";

    /// <summary>
    /// The name of the member that contains the groups of a listing with a delimiter; null if they are listed among the entries.
    /// </summary>
    public virtual string? GroupsName => null;

    /// <summary>Writes an entry, under the rules of <see cref="IEntrySink"/>.</summary>
    /// <param name="text">The buffer to write to.</param>
    /// <param name="entry">The entry.</param>
    /// <param name="options">The parameters of the request.</param>
    public virtual void WriteEntry(TextBuffer text, in EntryView entry, RequestOptions options) =>
        ResponseText.WriteListed(text, entry.Key, options.Values ? entry.Value : default, new EntryText
        {
            Members = options.Meta ? ResponseMembers.Version | ResponseMembers.ExpiresAt : ResponseMembers.None,
            Version = entry.Version,
            ExpiresAt = entry.ExpiresAt,
        });
}
