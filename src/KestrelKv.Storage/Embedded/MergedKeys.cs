using System.Buffers.Binary;
using KestrelKv.Storage.Commits;

namespace KestrelKv.Storage.Embedded;

/// <summary>The keys of all shards, merged in ascending or descending order.</summary>
/// <remarks>
/// The merge works in rounds. Each round copies some keys of every shard, starting after the last returned key, and returns them in
/// order. It ends when the copies of a shard that may have more keys are used up, because the next key may be among those. A key that
/// exists throughout is therefore returned exactly once, by the round that passes its position.
/// </remarks>
internal sealed class MergedKeys : IDisposable
{
    private readonly Shard[] _shards;
    private readonly KeyList _keys;
    private readonly ReadOnlyMemory<byte> _prefix;
    private readonly ReadOnlyMemory<byte> _until;
    private readonly bool _descending;
    private readonly int _chunk;

    /// <summary>The start of the next round.</summary>
    private ReadOnlyMemory<byte> _from;
    private bool _fromInclusive;
    private bool _isRoundComplete = true;

    /// <summary>The copied keys of this round that have not been returned: one run for each shard that has any.</summary>
    private readonly Run[] _runs;
    private int _runCount;

    /// <summary>The length of the prefix that all keys of this round share, in bytes.</summary>
    private int _commonBytes;

    /// <summary>Creates a listing, optionally with internal keys, which is not supported in descending order.</summary>
    public MergedKeys(Shard[] shards, ListQuery query, bool withInternal = false)
    {
        // A shard's average share of a page, and half as much again: most pages then need one round.
        _chunk = Math.Clamp(query.Limit / shards.Length * 3 / 2 + 4, 4, 64);
        _shards = shards;
        _runs = new Run[shards.Length];
        _keys = new KeyList(shards.Length * _chunk);
        _prefix = query.Prefix;
        _descending = query.Descending;
        _until = query.Until;
        if (_descending)
        {
            ReadOnlyMemory<byte> end = EndOf(query.Prefix.Span);
            _from = query.After.IsEmpty || KeyComparer.Instance.Compare(query.After.Span, end.Span) > 0 ? end : query.After;
            return;
        }
        if (_until.IsEmpty && !withInternal) _until = InternalKey.First;
        _fromInclusive = KeyComparer.Instance.Compare(query.After.Span, query.Prefix.Span) < 0;
        _from = _fromInclusive ? query.Prefix : query.After;
    }

    /// <summary>Returns a key by a number from the last <see cref="Take"/>.</summary>
    public ReadOnlySpan<byte> this[int key] => _keys[key];

    public void Dispose() => _keys.Dispose();

    /// <summary>Returns the number of the next keys in order, possibly fewer than fit. It is 0 only at the end.</summary>
    public int Take(Span<int> keys)
    {
        if (_isRoundComplete) StartRound();
        int taken = 0;
        while (taken < keys.Length && _runCount > 0 && !_isRoundComplete)
        {
            int first = FirstRun();
            if (IsBeyondEnd(_keys[_runs[first].Next]))
            {
                _runCount = 0;
                break;
            }
            keys[taken++] = _runs[first].Next;
            Advance(first);
        }
        return taken;
    }

    /// <summary>
    /// Returns the lowest string that is greater than all client keys with a prefix. It exists for every valid UTF-8 prefix.
    /// </summary>
    public static ReadOnlyMemory<byte> EndOf(ReadOnlySpan<byte> prefix)
    {
        int last = prefix.LastIndexOfAnyExcept(byte.MaxValue);
        if (last < 0) return InternalKey.First;
        byte[] end = prefix[..(last + 1)].ToArray();
        end[last]++;
        return end;
    }

    private bool IsBeyondEnd(ReadOnlySpan<byte> key)
    {
        if (_until.IsEmpty) return false;
        int order = key.SequenceCompareTo(_until.Span);
        return _descending ? order <= 0 : order >= 0;
    }

    private void StartRound()
    {
        _keys.Clear();
        _runCount = 0;
        _isRoundComplete = false;

        // The prefetch of each shard's keys overlaps with the searches of the next shards.
        foreach (Shard shard in _shards)
        {
            shard.Enter();
            shard.PrefetchKeys(_from.Span);
            shard.Exit();
        }

        foreach (Shard shard in _shards)
        {
            int first = _keys.Count;
            shard.Enter();
            try
            {
                if (_descending) shard.CopyKeysBackTo(_from.Span, _prefix.Span, _chunk, _keys);
                else shard.CopyKeysTo(_from.Span, _fromInclusive, _prefix.Span, _chunk, _keys);
            }
            finally
            {
                shard.Exit();
            }
            int count = _keys.Count - first;
            if (count > 0) _runs[_runCount++] = new Run { Next = first, End = _keys.Count, MayHaveMore = count == _chunk };
        }
        SetHeads();
    }

    /// <summary>Sets the heads of all runs. They exclude the common prefix, which would often make them equal.</summary>
    private void SetHeads()
    {
        _commonBytes = int.MaxValue;
        foreach (Run run in _runs.AsSpan(0, _runCount))
        {
            ReadOnlySpan<byte> key = _keys[0];
            int common = Math.Min(key.CommonPrefixLength(_keys[run.Next]), key.CommonPrefixLength(_keys[run.End - 1]));
            _commonBytes = Math.Min(_commonBytes, common);
        }
        foreach (ref Run run in _runs.AsSpan(0, _runCount)) run.Head = HeadOf(run.Next);
    }

    /// <summary>Returns the 8 bytes of a key after the common prefix as a number. Unequal heads have the order of their keys.</summary>
    private ulong HeadOf(int key)
    {
        ReadOnlySpan<byte> rest = _keys[key][_commonBytes..];
        if (rest.Length >= sizeof(ulong)) return BinaryPrimitives.ReadUInt64BigEndian(rest);

        Span<byte> padded = stackalloc byte[sizeof(ulong)];
        padded.Clear();
        rest.CopyTo(padded);
        return BinaryPrimitives.ReadUInt64BigEndian(padded);
    }

    private int FirstRun()
    {
        int first = 0;
        for (int i = 1; i < _runCount; i++)
        {
            int order = _runs[i].Head.CompareTo(_runs[first].Head);
            if (order == 0) order = _keys[_runs[i].Next].SequenceCompareTo(_keys[_runs[first].Next]);
            if (_descending ? order > 0 : order < 0) first = i;
        }
        return first;
    }

    private void Advance(int index)
    {
        ref Run run = ref _runs[index];
        int returned = run.Next++;
        if (run.Next < run.End)
        {
            run.Head = HeadOf(run.Next);
        }
        else if (run.MayHaveMore)
        {
            _isRoundComplete = true;
            _from = _keys[returned].ToArray();
            _fromInclusive = false;
        }
        else
        {
            run = _runs[--_runCount];
        }
    }

    /// <summary>The unreturned keys of a shard: from <see cref="Next"/> to <see cref="End"/>, exclusive.</summary>
    private struct Run
    {
        public ulong Head;
        public int Next;
        public int End;

        /// <summary>Whether the shard may have more keys after these.</summary>
        public bool MayHaveMore;
    }
}
