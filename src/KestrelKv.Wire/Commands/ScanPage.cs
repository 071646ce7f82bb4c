using System.Buffers;
using KestrelKv.Protocol;
using KestrelKv.Storage;

namespace KestrelKv.Wire;

/// <summary>Lists or counts entries for a SCAN, and writes its response object.</summary>
internal sealed class ScanPage(RequestOptions options, ListFormat format, TextBuffer text) : IEntrySink
{
    /// <summary>The text size at which a page ends, in bytes, whatever its limit.</summary>
    public const int BytesMax = 4 * 1024 * 1024;

    private readonly ArrayBufferWriter<byte> _last = new();
    private int _count;

    /// <summary>
    /// Writes <c>{"entries": [ENTRY, ...], "next": KEY or null, "version": V}</c>, or <c>{"count": N, "version": V}</c>. V is the last
    /// version that the feed had published when the page began: a watch from V + 1 misses nothing.
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
            catch (DurabilityLostException)
            {
                // The text may show changes that are not on disk. No client has received it.
                text.Truncate(mark);
                if (isRetry) return ProtocolError.DiskFailed;
            }
        }
        text.WriteMember(", \"version\": "u8, version);
        text.Write("}"u8);
        return null;
    }

    /// <inheritdoc/>
    bool IEntrySink.OnEntry(in EntryView entry)
    {
        if (_count++ > 0) text.Write(", "u8);
        _last.ResetWrittenCount();
        _last.Write(entry.Key);
        format.WriteEntry(text, entry, options);
        return text.Length < BytesMax;
    }

    private async ValueTask WriteCountAsync(IKeyValueStore store, CancellationToken cancellationToken)
    {
        long count = await store.CountAsync(Query(), cancellationToken);
        text.WriteMember("{\"count\": "u8, count);
    }

    private async ValueTask WriteEntriesAsync(IKeyValueStore store, CancellationToken cancellationToken)
    {
        _count = 0;
        text.Write("{"u8);
        text.WriteString(format.Name);
        text.Write(": ["u8);
        bool more = await store.ListAsync(Query(), this, cancellationToken);
        text.Write("], \"next\": "u8);
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
