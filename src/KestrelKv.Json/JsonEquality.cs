namespace KestrelKv.Json;

/// <summary>
/// Compares two JSON values as RFC 6902 section 4.6 defines equality: numbers by value, strings by characters, objects regardless of
/// member order. The remaining pairs are in a list, so nesting costs no stack.
/// </summary>
internal ref struct JsonEquality
{
    private readonly ReadOnlySpan<byte> _left;
    private readonly ReadOnlySpan<byte> _right;
    private PooledList<(int Left, int Right)> _pairs;
    private PooledList<ContainerEnd> _leftEnds;
    private PooledList<ContainerEnd> _rightEnds;

    private JsonEquality(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right, Span<(int, int)> pairs)
    {
        _left = left;
        _right = right;
        _pairs = new PooledList<(int, int)>(pairs);
    }

    /// <param name="left">The longer value if the lengths differ much: its members are read up to the first difference.</param>
    /// <param name="right">The shorter value: its members are indexed first.</param>
    public static bool Equals(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
    {
        if (left.SequenceEqual(right)) return true;

        var equality = new JsonEquality(left, right, stackalloc (int, int)[16]);
        ContainerEnd.AddAll(left, ref equality._leftEnds);
        ContainerEnd.AddAll(right, ref equality._rightEnds);
        bool equal = equality.AreEqual(0, left.Length, 0, right.Length);
        while (equal && equality._pairs.Count > 0) equal = equality.AreContentsEqual(equality._pairs.TakeLast());
        equality.Dispose();
        return equal;
    }

    /// <summary>Compares two values, except the contents of arrays and objects, which are added to the pairs.</summary>
    private bool AreEqual(int left, int leftEnd, int right, int rightEnd)
    {
        byte first = _left[left], other = _right[right];
        if (JsonNumber.IsNumber(first) && JsonNumber.IsNumber(other))
            return JsonNumber.Equals(_left[left..leftEnd], _right[right..rightEnd]);
        if (first != other) return false;
        if (first == '"') return JsonString.Equals(_left[(left + 1)..(leftEnd - 1)], _right[(right + 1)..(rightEnd - 1)]);
        if (first is (byte)'{' or (byte)'[') _pairs.Add((left, right));
        return true;
    }

    private bool AreContentsEqual((int Left, int Right) pair) =>
        _left[pair.Left] == '{' ? AreObjectsEqual(pair) : AreArraysEqual(pair);

    private bool AreArraysEqual((int Left, int Right) pair)
    {
        var items = new ItemReader(_left, pair.Left, _leftEnds.Items);
        var others = new ItemReader(_right, pair.Right, _rightEnds.Items);
        while (true)
        {
            bool any = items.MoveNext();
            if (any != others.MoveNext()) return false;
            if (!any) return true;
            if (!AreEqual(items.ValueStart, items.ValueEnd, others.ValueStart, others.ValueEnd)) return false;
        }
    }

    private bool AreObjectsEqual((int Left, int Right) pair)
    {
        var index = new MemberIndex(_right, pair.Right, _rightEnds.Items, stackalloc Member[8]);
        bool equal = TryMatch(pair.Left, ref index) && AreMatchesEqual(index.Members);
        index.Dispose();
        return equal;
    }

    /// <summary>Matches the members of the left object with the indexed ones. False if a name is in the left object only.</summary>
    private readonly bool TryMatch(int left, ref MemberIndex index)
    {
        var others = new ItemReader(_left, left, _leftEnds.Items);
        while (others.MoveNext())
        {
            int found = index.Find(others.Name);
            if (found < 0) return false;
            index.Members[found].Match = (others.ValueStart, others.ValueEnd);
        }
        return true;
    }

    private bool AreMatchesEqual(scoped ReadOnlySpan<Member> members)
    {
        foreach (ref readonly Member member in members)
        {
            if (member.Match.End == 0) return false;
            if (!AreEqual(member.Match.Start, member.Match.End, member.Value.Start, member.Value.End)) return false;
        }
        return true;
    }

    public void Dispose()
    {
        _pairs.Dispose();
        _leftEnds.Dispose();
        _rightEnds.Dispose();
    }
}
