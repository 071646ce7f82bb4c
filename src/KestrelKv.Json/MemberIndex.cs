namespace KestrelKv.Json;

/// <summary>A member of an object; of duplicates, the last one.</summary>
internal struct Member
{
    /// <summary>The name with quotes.</summary>
    public (int Start, int End) Name;

    public (int Start, int End) Value;

    /// <summary>The value of the member of the same name in another object; empty if that object has none.</summary>
    public (int Start, int End) Match;

    /// <summary>One more than the index of the next member in the bucket; 0 for none.</summary>
    public int Next;

    public int Hash;

    /// <summary>Whether the name has no escapes. Two such names are compared byte by byte.</summary>
    public bool IsPlain;
}

/// <summary>An index of the members of an object by name. Large objects have a hash table.</summary>
internal ref struct MemberIndex
{
    private const int ScannedMax = 8;

    private readonly ReadOnlySpan<byte> _text;
    private PooledList<Member> _members;
    private int[]? _buckets;
    private int _mask;

    /// <param name="text">The text that contains the object.</param>
    /// <param name="start">The start of the object.</param>
    /// <param name="ends">The containers of the text, if known.</param>
    /// <param name="initial">The memory for the first members.</param>
    public MemberIndex(ReadOnlySpan<byte> text, int start, ReadOnlySpan<ContainerEnd> ends, Span<Member> initial)
    {
        _text = text;
        _members = new PooledList<Member>(initial);
        var items = new ItemReader(text, start, ends);
        while (items.MoveNext()) Add(items);
    }

    /// <summary>The members, in the order of the first occurrence of each name.</summary>
    public readonly Span<Member> Members => _members.Items;

    /// <summary>Returns the index of the member with a name, as spelled without quotes; -1 for none.</summary>
    public readonly int Find(ReadOnlySpan<byte> name)
    {
        if (_buckets is not null) return Find(name, JsonString.Hash(name));

        Span<Member> members = Members;
        bool isPlain = !JsonString.IsEscaped(name);
        int hash = 0;
        for (int i = 0; i < members.Length; i++)
        {
            bool equal = isPlain && members[i].IsPlain
                ? NameOf(members[i]).SequenceEqual(name)
                : EqualsEscaped(ref members[i], name, ref hash);
            if (equal) return i;
        }
        return -1;
    }

    public void Dispose()
    {
        _members.Dispose();
        if (_buckets is not null) ScratchArrays.Return(_buckets);
        this = default;
    }

    private readonly int Find(ReadOnlySpan<byte> name, int hash)
    {
        Span<Member> members = Members;
        for (int i = _buckets![hash & _mask] - 1; i >= 0; i = members[i].Next - 1)
            if (members[i].Hash == hash && JsonString.Equals(NameOf(members[i]), name)) return i;
        return -1;
    }

    /// <summary>Compares hashes first, so that long names are not unescaped for each comparison.</summary>
    private readonly bool EqualsEscaped(ref Member member, ReadOnlySpan<byte> name, ref int hash)
    {
        if (hash == 0) hash = JsonString.Hash(name);
        return HashOf(ref member) == hash && JsonString.Equals(NameOf(member), name);
    }

    private readonly int HashOf(ref Member member)
    {
        if (member.Hash == 0) member.Hash = JsonString.Hash(NameOf(member));
        return member.Hash;
    }

    private readonly ReadOnlySpan<byte> NameOf(in Member member) => _text[(member.Name.Start + 1)..(member.Name.End - 1)];

    private void Add(scoped in ItemReader item)
    {
        int found = Find(item.Name);
        if (found >= 0)
        {
            Members[found].Value = (item.ValueStart, item.ValueEnd);
            return;
        }
        _members.Add(new Member
        {
            Name = (item.Start, item.Start + item.Name.Length + 2),
            Value = (item.ValueStart, item.ValueEnd),
            IsPlain = !JsonString.IsEscaped(item.Name),
        });
        if (_buckets is not null && Members.Length <= _mask) AddToBucket(Members.Length - 1);
        else if (Members.Length > ScannedMax) Rehash();
    }

    private void Rehash()
    {
        if (_buckets is not null) ScratchArrays.Return(_buckets);
        _mask = (4 * (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Members.Length)) - 1;
        _buckets = ScratchArrays.Rent<int>(_mask + 1);
        _buckets.AsSpan(0, _mask + 1).Clear();
        for (int i = 0; i < Members.Length; i++) AddToBucket(i);
    }

    private readonly void AddToBucket(int i)
    {
        ref Member member = ref Members[i];
        ref int bucket = ref _buckets![HashOf(ref member) & _mask];
        member.Next = bucket;
        bucket = i + 1;
    }
}
