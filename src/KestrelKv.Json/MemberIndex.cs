namespace KestrelKv.Json;

/// <summary>A member of an object: of those of one name the last one.</summary>
internal struct Member
{
    /// <summary>The name with its quotes.</summary>
    public (int Start, int End) Name;

    public (int Start, int End) Value;

    /// <summary>The value of the member of the same name in another object, if it has one: else it is empty.</summary>
    public (int Start, int End) Match;

    /// <summary>The next member in the same bucket, and 1; 0 where there is none.</summary>
    public int Next;

    public int Hash;

    /// <summary>Whether the name is spelled as it is meant, so that it can be compared with such ones byte by byte.</summary>
    public bool IsPlain;
}

/// <summary>The members of an object by their names: with a hash table where there are many.</summary>
internal ref struct MemberIndex
{
    private const int ScannedMax = 8;

    private readonly ReadOnlySpan<byte> _text;
    private PooledList<Member> _members;
    private int[]? _buckets;
    private int _mask;

    /// <param name="text">The text that the object is in.</param>
    /// <param name="start">Where it begins.</param>
    /// <param name="ends">Where the values of the text end, if that is known.</param>
    /// <param name="initial">Where the first members are noted.</param>
    public MemberIndex(ReadOnlySpan<byte> text, int start, ReadOnlySpan<ContainerEnd> ends, Span<Member> initial)
    {
        _text = text;
        _members = new PooledList<Member>(initial);
        var items = new ItemReader(text, start, ends);
        while (items.MoveNext()) Add(items);
    }

    /// <summary>In order of the first of each name.</summary>
    public readonly Span<Member> Members => _members.Items;

    /// <summary>The member of a name, as that is spelled without its quotes; -1 where there is none.</summary>
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

    /// <summary>Compares by hash first, so that long names are not unescaped for each comparison.</summary>
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
        if (_buckets is not null && Members.Length <= _mask) Enter(Members.Length - 1);
        else if (Members.Length > ScannedMax) Rehash();
    }

    private void Rehash()
    {
        if (_buckets is not null) ScratchArrays.Return(_buckets);
        _mask = (4 * (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Members.Length)) - 1;
        _buckets = ScratchArrays.Rent<int>(_mask + 1);
        _buckets.AsSpan(0, _mask + 1).Clear();
        for (int i = 0; i < Members.Length; i++) Enter(i);
    }

    private readonly void Enter(int i)
    {
        ref Member member = ref Members[i];
        ref int bucket = ref _buckets![HashOf(ref member) & _mask];
        member.Next = bucket;
        bucket = i + 1;
    }
}
