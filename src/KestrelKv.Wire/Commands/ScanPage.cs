using System.Buffers;
using KestrelKv.Protocol;
using KestrelKv.Storage;

namespace KestrelKv.Wire;

/// <summary>Lists or counts entries for a SCAN, and writes its response object.</summary>
internal sealed class ScanPage(RequestOptions options, ListFormat format, TextBuffer text) : IEntrySink, IDisposable
{
    /// <summary>The text size at which a page ends, in bytes, whatever its limit.</summary>
    public const int BytesMax = 4 * 1024 * 1024;

    private readonly ArrayBufferWriter<byte> _last = new();

    /// <summary>The groups, if they have a member of their own. The page's reservation covers them until they are appended.</summary>
    private readonly TextBuffer _groups = new();
    private int _count;

    /// <summary>
    /// Writes <c>{"entries": [ENTRY, ...], "next": KEY or null, "version": V}</c>, or <c>{"count": N, "version": V}</c>. V is the last
    /// version that the feed had published when the page began: a watch from V + 1 misses nothing. With a delimiter, the entries
    /// include groups, or these are in a member of their own before <c>next</c> (<see cref="ListFormat.GroupsName"/>).
    /// </summary>
    /// <returns>The error; null on success.</returns>
    public async ValueTask<ProtocolError?> WriteAsync(IKeyValueStore store, CancellationToken cancellationToken)
    {
        long version = store.GetStats().FeedVersion;
        int mark = text.Length;
        for (bool isRetry = false; ; isRetry = true)
        {
            try
            {
                if (options.CountOnly) await WriteCountAsync(store, cancellationToken);
                else await WriteEntriesAsync(store, cancellationToken);
                break;
            }
            catch (StoreFailureException e) when (e.MayRepeat && !isRetry)
            {
                // The text may show changes that are not on disk. No client has received it.
                text.Truncate(mark);
            }
        }
        text.WriteMember(", \"version\": "u8, version);
        text.Write("}"u8);
        return null;
    }

    /// <inheritdoc/>
    public void Dispose() => _groups.Dispose();

    /// <inheritdoc/>
    bool IEntrySink.OnEntry(in EntryView entry) => AddEntry(entry);

    /// <summary>Writes an entry. Returns false if the page must end, because its text is long enough.</summary>
    public bool AddEntry(in EntryView entry)
    {
        if (_count++ > 0) text.Write(", "u8);
        SetLast(entry.Key);
        format.WriteEntry(text, entry, options);
        return HasRoom();
    }

    /// <summary>Writes a group. Returns false if the page must end, because its text is long enough.</summary>
    public bool AddGroup(ReadOnlySpan<byte> prefix, long keys)
    {
        SetLast(prefix);
        if (format.GroupsName is null)
        {
            if (_count++ > 0) text.Write(", "u8);
            ResponseText.WriteGroup(text, prefix, keys);
        }
        else
        {
            if (_groups.Length > 0) _groups.Write(", "u8);
            ResponseText.WriteGroup(_groups, prefix, keys);
        }
        return HasRoom();
    }

    private bool HasRoom() => text.Length + _groups.Length < BytesMax;

    private void SetLast(ReadOnlySpan<byte> keyOrPrefix)
    {
        _last.ResetWrittenCount();
        _last.Write(keyOrPrefix);
    }

    private async ValueTask WriteCountAsync(IKeyValueStore store, CancellationToken cancellationToken)
    {
        long count = await store.CountAsync(Query(), cancellationToken);
        text.WriteMember("{\"count\": "u8, count);
    }

    private async ValueTask WriteEntriesAsync(IKeyValueStore store, CancellationToken cancellationToken)
    {
        _count = 0;
        _groups.Truncate(0);
        text.Write("{"u8);
        text.WriteString(format.Name);
        text.Write(": ["u8);
        bool more = options.Delimiter.IsEmpty
            ? await store.ListAsync(Query(), this, cancellationToken)
            : await new GroupedListing(Query(), options.Delimiter, this).ListAsync(store, cancellationToken);
        text.Write("], "u8);
        if (!options.Delimiter.IsEmpty && format.GroupsName is { } groups)
        {
            text.WriteString(groups);
            text.Write(": ["u8);
            text.Write(_groups.Written);
            text.Write("], "u8);
        }
        text.Write("\"next\": "u8);
        if (more) text.WriteString(_last.WrittenSpan);
        else text.Write("null"u8);
    }

    private ListQuery Query() => new()
    {
        Prefix = options.Prefix,
        After = options.After,
        Until = options.Until,
        Descending = options.Descending,
        Limit = options.Limit,
    };
}
