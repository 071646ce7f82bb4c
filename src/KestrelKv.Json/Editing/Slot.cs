namespace KestrelKv.Json;

/// <summary>The place in a document that a pointer names, whether there is anything at it or not.</summary>
internal ref struct Slot
{
    /// <summary>Why there can be no value at the place; null where there can. For a person.</summary>
    public string? Fault { get; private set; }

    /// <summary>The array or object that it is in; -1 for the whole document.</summary>
    public int Container { get; private set; }

    /// <summary>The last token of the pointer.</summary>
    public ReadOnlySpan<byte> Token { get; private set; }

    public bool IsObject { get; private set; }

    /// <summary>Whether there is a value.</summary>
    public bool Exists { get; private set; }

    public int ValueStart { get; private set; }

    public int ValueEnd { get; private set; }

    /// <summary>Whether something can be put in at the place: a member anywhere, an element at one or at the end.</summary>
    public bool TakesMore { get; private set; }

    /// <summary>How many items there are before what is put in.</summary>
    public int Before { get; private set; }

    /// <summary>Where it is put in: right after the value of the one before it, or at the first one.</summary>
    public int InsertAt { get; private set; }

    /// <summary>Why there is no value, where there could be one. For a person.</summary>
    public readonly string Missing => Fault ?? (IsObject ? "there is no such member" : "there is no such element");

    /// <summary>Whether the place is after the last element of an array, whatever that is.</summary>
    public readonly bool IsEnd => !IsObject && Token is [(byte)'-'];

    public static Slot Find(scoped ReadOnlySpan<byte> text, ReadOnlySpan<byte> pointer)
    {
        if (pointer.IsEmpty) return Whole(text);

        int slash = pointer.LastIndexOf((byte)'/');
        Place place = PointerWalk.Follow(text, pointer[..slash]);
        if (place.Resolved < slash) return new Slot { Fault = "what leads to it is not there" };
        return In(text, place.Start, pointer[(slash + 1)..]);
    }

    /// <summary>The place in the value that begins at <paramref name="container"/>.</summary>
    public static Slot In(scoped ReadOnlySpan<byte> text, int container, ReadOnlySpan<byte> token)
    {
        var slot = new Slot { Container = container, Token = token };
        if (text[container] == '{') slot.FindMember(text);
        else if (text[container] == '[') slot.FindElement(text);
        else slot.Fault = "it would be inside of what is neither an object nor an array";
        return slot;
    }

    private static Slot Whole(scoped ReadOnlySpan<byte> text)
    {
        int start = JsonScan.SkipWhiteSpace(text, 0);
        return new Slot { Container = -1, Exists = true, ValueStart = start, ValueEnd = JsonScan.SkipValue(text, start) };
    }

    private void FindMember(scoped ReadOnlySpan<byte> text)
    {
        IsObject = TakesMore = true;
        var items = new ItemReader(text, Container);
        while (items.MoveNext())
            if (PointerToken.Matches(Token, items.Name)) SetValue(items.ValueStart, items.ValueEnd);

        Before = items.Index;
        InsertAt = items.ValueEnd;
    }

    private void FindElement(scoped ReadOnlySpan<byte> text)
    {
        int index = -1;
        if (!IsEnd && !PointerToken.TryReadIndex(Token, out index))
        {
            Fault = "the last part of it is no index of an array";
            return;
        }

        InsertAt = Container + 1;
        var items = new ItemReader(text, Container);
        while (!Exists && items.MoveNext())
        {
            if (items.Index == index) SetValue(items.ValueStart, items.ValueEnd);
            else InsertAt = items.ValueEnd;
        }
        Before = items.Index;
        if (Exists && Before == 0) InsertAt = ValueStart;
        TakesMore = Exists || IsEnd || index == Before;
    }

    private void SetValue(int start, int end)
    {
        Exists = true;
        ValueStart = start;
        ValueEnd = end;
    }
}
