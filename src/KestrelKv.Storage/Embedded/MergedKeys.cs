namespace KestrelKv.Storage.Embedded;

/// <summary>The keys of all shards in one order, taken from each shard a few at a time.</summary>
internal sealed class MergedKeys
{
    private readonly Shard[] _shards;
    private readonly Queue<byte[]>[] _keys;
    private readonly byte[]?[] _last;
    private readonly bool[] _ended;
    private readonly ReadOnlyMemory<byte> _prefix;
    private readonly ReadOnlyMemory<byte> _from;
    private readonly bool _fromInclusive;
    private readonly int _chunk;

    public MergedKeys(Shard[] shards, ListQuery query)
    {
        _shards = shards;
        _keys = new Queue<byte[]>[shards.Length];
        _last = new byte[shards.Length][];
        _ended = new bool[shards.Length];
        _prefix = query.Prefix;

        bool afterPrefix = KeyComparer.Instance.Compare(query.After.Span, query.Prefix.Span) >= 0;
        _from = afterPrefix ? query.After : query.Prefix;
        _fromInclusive = !afterPrefix;

        // What a page needs of each shard on average, and some: most pages then ask each shard once.
        _chunk = Math.Clamp(query.Limit / shards.Length * 3 / 2 + 4, 4, 64);
        for (int i = 0; i < shards.Length; i++) _keys[i] = new Queue<byte[]>(_chunk);
    }

    /// <summary>The next key; false at the end.</summary>
    public bool TryNext(out byte[] key)
    {
        int least = -1;
        for (int i = 0; i < _shards.Length; i++)
        {
            if (_keys[i].Count == 0 && !Fill(i)) continue;
            if (least < 0 || KeyComparer.Instance.Compare(_keys[i].Peek(), _keys[least].Peek()) < 0) least = i;
        }

        key = [];
        if (least < 0) return false;
        key = _keys[least].Dequeue();
        _last[least] = key;
        return true;
    }

    /// <summary>Takes more keys from a shard of which all have been given.</summary>
    private bool Fill(int shard)
    {
        if (_ended[shard]) return false;
        _shards[shard].Enter();
        try
        {
            if (_last[shard] is { } last) _shards[shard].CopyKeysTo(last, false, _prefix.Span, _chunk, _keys[shard]);
            else _shards[shard].CopyKeysTo(_from.Span, _fromInclusive, _prefix.Span, _chunk, _keys[shard]);
        }
        finally
        {
            _shards[shard].Exit();
        }

        _ended[shard] = _keys[shard].Count < _chunk;
        return _keys[shard].Count > 0;
    }
}
