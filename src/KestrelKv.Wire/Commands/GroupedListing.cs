using System.Buffers;
using KestrelKv.Storage;

namespace KestrelKv.Wire;

/// <summary>Lists a page of keys and groups for a SCAN with a delimiter.</summary>
/// <remarks>
/// <para>
/// The group of a key begins with the key's prefix in the query and ends with the first delimiter after it. The keys of a group are
/// exactly those that begin with it, so they are neighbours in both directions, and no listed key equals a group.
/// </para>
/// <para>
/// The keys of a group are counted one by one, because expired entries do not count. The listing runs in steps and yields the thread
/// between them, as a count does. It can be canceled at every key.
/// </para>
/// </remarks>
/// <param name="query">The keys to list. Its limit counts keys and groups.</param>
/// <param name="delimiter">The delimiter, not empty.</param>
/// <param name="page">Receives the keys and groups, in order.</param>
internal sealed class GroupedListing(ListQuery query, ReadOnlyMemory<byte> delimiter, ScanPage page) : IEntrySink
{
    /// <summary>The number of keys per step, which takes a few milliseconds.</summary>
    private const int StepKeys = 10_000;

    /// <summary>A byte that follows no prefix in UTF-8: a group with it is greater than all keys of the group.</summary>
    private const byte AfterAll = 0xFF;

    private readonly ArrayBufferWriter<byte> _group = new();
    private long _groupKeys;
    private int _listed;
    private bool _isFull;
    private bool _hasMore;
    private int _visited;
    private ReadOnlyMemory<byte> _last;

    /// <summary>Lists the page. Returns whether more keys or groups follow.</summary>
    public async ValueTask<bool> ListAsync(IKeyValueStore store, CancellationToken cancellationToken)
    {
        ListQuery step = WholeGroups() with { Limit = StepKeys };
        while (true)
        {
            _visited = 0;
            bool more = await store.ListAsync(step, this, cancellationToken);
            if (_isFull) return more || _hasMore;
            if (!more) break;
            step = step with { After = _last };
            await Task.Yield();
        }
        if (_groupKeys > 0) EndGroup();
        return false;
    }

    /// <inheritdoc/>
    bool IEntrySink.OnEntry(in EntryView entry)
    {
        if (_groupKeys > 0 && !entry.Key.StartsWith(_group.WrittenSpan))
        {
            EndGroup();
            _hasMore = _isFull;
            if (_isFull) return false;
        }
        if (_groupKeys > 0)
        {
            _groupKeys++;
        }
        else if (GroupOf(entry.Key) is { IsEmpty: false } group)
        {
            _group.ResetWrittenCount();
            _group.Write(group);
            _groupKeys = 1;
        }
        else
        {
            _isFull = !page.AddEntry(entry) || ++_listed == query.Limit;
        }
        if (++_visited == StepKeys) _last = entry.Key.ToArray();
        return !_isFull;
    }

    private void EndGroup()
    {
        _isFull = !page.AddGroup(_group.WrittenSpan, _groupKeys) || ++_listed == query.Limit;
        _groupKeys = 0;
    }

    /// <summary>Returns the group of a key; empty if the key is listed itself.</summary>
    private ReadOnlySpan<byte> GroupOf(ReadOnlySpan<byte> key)
    {
        if (!key.StartsWith(query.Prefix.Span)) return default;
        int at = key[query.Prefix.Length..].IndexOf(delimiter.Span);
        return at < 0 ? default : key[..(query.Prefix.Length + at + delimiter.Length)];
    }

    /// <summary>Returns the query with bounds that exclude the whole groups of <c>after</c> and <c>until</c>.</summary>
    private ListQuery WholeGroups() => query with
    {
        After = Bound(query.After, isBelow: query.Descending),
        Until = Bound(query.Until, isBelow: !query.Descending),
    };

    /// <summary>
    /// Returns an exclusive bound below or above all keys of the group of a key. The group itself is the lower one, because it is the
    /// least string with this prefix. A key that is listed itself is its own bound.
    /// </summary>
    private ReadOnlyMemory<byte> Bound(ReadOnlyMemory<byte> key, bool isBelow)
    {
        ReadOnlySpan<byte> group = GroupOf(key.Span);
        if (group.IsEmpty) return key;
        return isBelow ? key[..group.Length] : (byte[])[.. group, AfterAll];
    }
}
