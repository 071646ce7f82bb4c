using KestrelKv.Storage.Commits;

namespace KestrelKv.Storage.Postgres.Writing;

/// <summary>A key of a group, and its entry in the database.</summary>
internal sealed class GroupKey(byte[] name)
{
    public byte[] Name => name;

    /// <summary>Whether the group reads the value. Otherwise only its length is loaded.</summary>
    public bool NeedsValue { get; set; }

    /// <summary>Whether the value was not loaded, because the values of the group are too large for one trip.</summary>
    public bool IsCut { get; set; }

    /// <summary>The version of the entry; 0 if there is none.</summary>
    public long Version { get; set; }

    public long ExpiresAt { get; set; }

    public int ValueBytes { get; set; }
}

/// <summary>The keys of a group: those of its operations, and those of its idempotency records.</summary>
internal sealed class GroupKeys
{
    private readonly Dictionary<byte[], GroupKey> _keys = new(KeyComparer.Instance);
    private readonly List<GroupKey> _ordered = [];

    /// <summary>The keys, in the order in which they were added.</summary>
    public IReadOnlyList<GroupKey> All => _ordered;

    public int Count => _ordered.Count;

    /// <summary>The number of keys, from the first one, whose values are loaded up to the limit of a call.</summary>
    public int Required { get; set; }

    /// <summary>Whether an earlier trip of the group has left calls, perhaps because their values are large.</summary>
    public bool HasLarge { get; set; }

    public byte[][] WithValues => [.. _ordered.Where(key => key.NeedsValue).Select(key => key.Name)];

    public byte[][] WithoutValues => [.. _ordered.Where(key => !key.NeedsValue).Select(key => key.Name)];

    /// <summary>Whether the value of any key is cut.</summary>
    private bool IsCut { get; set; }

    public void Clear()
    {
        _keys.Clear();
        _ordered.Clear();
        Required = 0;
        IsCut = HasLarge = false;
    }

    public void Cut(GroupKey key) => key.IsCut = IsCut = true;

    public GroupKey Add(ReadOnlySpan<byte> name)
    {
        var lookup = _keys.GetAlternateLookup<ReadOnlySpan<byte>>();
        if (lookup.TryGetValue(name, out GroupKey? key)) return key;
        key = new GroupKey(name.ToArray());
        _keys.Add(key.Name, key);
        _ordered.Add(key);
        return key;
    }

    /// <summary>Adds the keys of operations, and of their request ids.</summary>
    public void Add(ReadOnlySpan<Operation> operations)
    {
        foreach (ref readonly Operation operation in operations)
        {
            Add(operation.Key.Span).NeedsValue |= !operation.IsWrite || operation.IsEdit || operation.ReturnsOld;
            if (operation.IsIdempotent) AddRequest(operation.RequestId);
        }
    }

    public void AddRequest(in RequestId id) => OfRequest(id).NeedsValue = true;

    /// <summary>Returns the number of operations, from the first one, that read no value that is cut.</summary>
    public int Loaded(ReadOnlySpan<Operation> operations)
    {
        for (int i = 0; IsCut && i < operations.Length; i++)
        {
            if (Add(operations[i].Key.Span).IsCut || (operations[i].IsIdempotent && !IsLoaded(operations[i].RequestId))) return i;
        }
        return operations.Length;
    }

    public bool IsLoaded(in RequestId id) => !IsCut || id.IsEmpty || !OfRequest(id).IsCut;

    private GroupKey OfRequest(in RequestId id)
    {
        Span<byte> key = stackalloc byte[1 + RequestId.BytesMax];
        int length = InternalKey.WriteOfRequest(id.Bytes.Span, key);
        return Add(key[..length]);
    }
}
