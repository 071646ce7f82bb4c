using System.Text;

namespace KestrelKv.Cli.KeyStats;

/// <summary>
/// Sums up keys that arrive in lexicographic byte order. All keys of a group are then adjacent, so that one group at each depth is open, and a
/// closed one is complete. Only the largest groups are kept: memory is bounded whatever the names of the keys.
/// </summary>
/// <remarks>
/// A group is at least as large as each group inside, and wins over it if they are equally large. A kept group is therefore never without the
/// groups that contain it.
/// </remarks>
internal sealed class KeyTotals
{
    private readonly int _prefixBytes;
    private readonly byte[] _delimiter;
    private readonly int _groupsMax;
    private readonly int _largestMax;
    private readonly OpenGroup[] _open;
    private readonly PriorityQueue<PrefixGroup, (long Bytes, int Rank)> _groups = new();
    private readonly PriorityQueue<(string Key, long Bytes), long> _largest = new();

    /// <param name="prefix">The prefix of all keys.</param>
    /// <param name="delimiter">The delimiter of groups.</param>
    /// <param name="depth">The maximum depth of groups, 0 for none.</param>
    /// <param name="groupsMax">The maximum number of groups kept.</param>
    /// <param name="largestMax">The number of largest keys kept.</param>
    public KeyTotals(string prefix, string delimiter, int depth, int groupsMax, int largestMax)
    {
        (_prefixBytes, _delimiter, _groupsMax, _largestMax) =
            (Encoding.UTF8.GetByteCount(prefix), Encoding.UTF8.GetBytes(delimiter), groupsMax, largestMax);
        _open = [.. Enumerable.Range(0, depth + 1).Select(_ => new OpenGroup())];
        _open[0].Open(Encoding.UTF8.GetBytes(prefix));
    }

    /// <summary>All keys.</summary>
    public PrefixGroup All => _open[0].ToGroup(0, null);

    public ExpiryTotals Expiries { get; } = new();

    /// <summary>The number of keys so far.</summary>
    public long Keys => _open[0].Total.Keys;

    /// <summary>The bytes of the keys and their values so far.</summary>
    public long Bytes => _open[0].Total.Bytes;

    /// <summary>Adds a key, which must be greater than all before.</summary>
    /// <param name="key">The key in UTF-8.</param>
    /// <param name="valueBytes">The length of its value.</param>
    /// <param name="secondsLeft">The time until it expires; null if it does not.</param>
    public void Add(ReadOnlySpan<byte> key, int valueBytes, double? secondsLeft)
    {
        long bytes = key.Length + (long)valueBytes;
        int depth = Enter(key);
        for (int i = 0; i <= depth; i++) _open[i].Total.Add(bytes, secondsLeft is not null);
        _open[depth].Direct.Add(bytes, secondsLeft is not null);
        if (secondsLeft is { } left) Expiries.Add(left, bytes);
        AddLargest(key, bytes);
    }

    /// <summary>Closes the open groups. No key can be added afterwards.</summary>
    /// <returns>The largest groups, in the order of their prefixes.</returns>
    public IReadOnlyList<PrefixGroup> End()
    {
        CloseFrom(1);
        return [.. _groups.UnorderedItems.Select(item => item.Element).OrderBy(group => group.Prefix, StringComparer.Ordinal)];
    }

    /// <summary>Returns the largest keys, the largest one first.</summary>
    public IReadOnlyList<(string Key, long Bytes)> Largest() =>
        [.. _largest.UnorderedItems.Select(item => item.Element)
            .OrderByDescending(item => item.Bytes).ThenBy(item => item.Key, StringComparer.Ordinal)];

    /// <summary>Closes the groups that the key is not in, and opens those that it is in.</summary>
    /// <returns>The depth of the last one.</returns>
    private int Enter(ReadOnlySpan<byte> key)
    {
        int end = _prefixBytes;
        for (int depth = 1; depth < _open.Length; depth++)
        {
            int at = end <= key.Length ? key[end..].IndexOf(_delimiter) : -1;
            if (at < 0)
            {
                CloseFrom(depth);
                return depth - 1;
            }
            end += at + _delimiter.Length;
            if (_open[depth].Contains(key[..end])) continue;
            CloseFrom(depth);
            _open[depth].Open(key[..end]);
            _open[depth - 1].Groups++;
        }
        return _open.Length - 1;
    }

    private void CloseFrom(int depth)
    {
        for (int i = _open.Length - 1; i >= depth; i--)
        {
            if (!_open[i].IsOpen) continue;
            Keep(i);
            _open[i].Close();
        }
    }

    private void Keep(int depth)
    {
        OpenGroup group = _open[depth];
        (long, int) priority = (group.Total.Bytes, -depth);
        bool isFull = _groups.Count >= _groupsMax;
        if (isFull && (!_groups.TryPeek(out _, out (long, int) smallest) || priority.CompareTo(smallest) <= 0)) return;
        if (isFull) _groups.Dequeue();
        _groups.Enqueue(group.ToGroup(depth, _open[depth - 1]), priority);
    }

    private void AddLargest(ReadOnlySpan<byte> key, long bytes)
    {
        bool isFull = _largest.Count >= _largestMax;
        if (isFull && (!_largest.TryPeek(out _, out long smallest) || bytes <= smallest)) return;
        if (isFull) _largest.Dequeue();
        _largest.Enqueue((Encoding.UTF8.GetString(key), bytes), bytes);
    }
}
