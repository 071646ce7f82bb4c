using KestrelKv.Storage.Commits;

namespace KestrelKv.Storage.Postgres.Writing;

/// <summary>A key of a group, and its entry in the database.</summary>
internal sealed class GroupKey(byte[] name)
{
    public byte[] Name => name;

    /// <summary>Whether the group reads the value. Otherwise only its length is loaded.</summary>
    public bool NeedsValue { get; set; }

    /// <summary>The version of the entry; 0 if there is none.</summary>
    public long Version { get; set; }

    public long ExpiresAt { get; set; }

    public int ValueBytes { get; set; }
}

/// <summary>The keys of a group: those of its operations, and those of its idempotency records.</summary>
internal sealed class GroupKeys
{
    private readonly Dictionary<byte[], GroupKey> _keys = new(KeyComparer.Instance);

    public IEnumerable<GroupKey> All => _keys.Values;

    public byte[][] WithValues => [.. _keys.Values.Where(key => key.NeedsValue).Select(key => key.Name)];

    public byte[][] WithoutValues => [.. _keys.Values.Where(key => !key.NeedsValue).Select(key => key.Name)];

    public void Clear() => _keys.Clear();

    public GroupKey Add(ReadOnlySpan<byte> name)
    {
        var lookup = _keys.GetAlternateLookup<ReadOnlySpan<byte>>();
        if (lookup.TryGetValue(name, out GroupKey? key)) return key;
        key = new GroupKey(name.ToArray());
        _keys.Add(key.Name, key);
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

    public void AddRequest(in RequestId id)
    {
        Span<byte> key = stackalloc byte[1 + RequestId.BytesMax];
        int length = InternalKey.WriteOfRequest(id.Bytes.Span, key);
        Add(key[..length]).NeedsValue = true;
    }
}
