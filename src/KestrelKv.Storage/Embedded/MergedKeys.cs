using System.Buffers.Binary;
using KestrelKv.Storage.Commits;

namespace KestrelKv.Storage.Embedded;

/// <summary>The keys of all shards in one order, from the least on or from the greatest.</summary>
/// <remarks>
/// They come in rounds. Each round copies some keys of every shard, from the last key given on, and gives the first of
/// them again and again. It is over when the keys of a shard that may have more are used up: the next key may be one
/// of those. So a key that is there all the while is met by the round that passes its place, and by no other.
/// </remarks>
internal sealed class MergedKeys : IDisposable
{
    private readonly Shard[] _shards;
    private readonly KeyList _keys;
    private readonly ReadOnlyMemory<byte> _prefix;
    private readonly ReadOnlyMemory<byte> _until;
    private readonly bool _descending;
    private readonly int _chunk;

    /// <summary>Where the next round begins.</summary>
    private ReadOnlyMemory<byte> _from;
    private bool _fromInclusive;
    private bool _roundIsOver = true;

    /// <summary>The keys of this round that have not been given: a run of them for each shard that has any.</summary>
    private readonly Run[] _runs;
    private int _runCount;

    /// <summary>With so many bytes all keys of this round begin alike.</summary>
    private int _commonBytes;

    /// <param name="shards">The store's.</param>
    /// <param name="query">Which keys.</param>
    /// <param name="withInternal">Whether internal keys (<see cref="InternalKey"/>) are among them; not from the greatest on.</param>
    public MergedKeys(Shard[] shards, ListQuery query, bool withInternal = false)
    {
        // What a page needs of each shard on average, and some: most pages then take one round.
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

    /// <summary>A key that the last <see cref="Take"/> gave.</summary>
    public ReadOnlySpan<byte> this[int key] => _keys[key];

    public void Dispose() => _keys.Dispose();

    /// <summary>Gives the next keys in order: as many as fit, or fewer, and none only at the end.</summary>
    /// <returns>How many.</returns>
    public int Take(Span<int> keys)
    {
        if (_roundIsOver) StartRound();
        int taken = 0;
        while (taken < keys.Length && _runCount > 0 && !_roundIsOver)
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

    /// <summary>The least string that is greater than all that begin with a prefix; of valid UTF-8 there is one.</summary>
    private static ReadOnlyMemory<byte> EndOf(ReadOnlySpan<byte> prefix)
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
        _roundIsOver = false;

        // Each shard's keys come from memory while the next ones' are searched for.
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
            if (count > 0) _runs[_runCount++] = new Run { Next = first, End = _keys.Count, MayGoOn = count == _chunk };
        }
        SetHeads();
    }

    /// <summary>What all keys begin with is left out of heads, which would else often be equal.</summary>
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

    /// <summary>Eight bytes of a key as a number; where these differ, they are in the order of the keys.</summary>
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
        int given = run.Next++;
        if (run.Next < run.End)
        {
            run.Head = HeadOf(run.Next);
        }
        else if (run.MayGoOn)
        {
            _roundIsOver = true;
            _from = _keys[given].ToArray();
            _fromInclusive = false;
        }
        else
        {
            run = _runs[--_runCount];
        }
    }

    /// <summary>The keys of a shard that have not been given: from <see cref="Next"/> up to <see cref="End"/>.</summary>
    private struct Run
    {
        public ulong Head;
        public int Next;
        public int End;

        /// <summary>Whether the shard may have more keys after them.</summary>
        public bool MayGoOn;
    }
}
