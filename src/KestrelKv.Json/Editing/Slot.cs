namespace KestrelKv.Json;

/// <summary>The place in a document that a pointer names, with or without a value.</summary>
internal ref struct Slot
{
    /// <summary>The reason why no value can exist at the place, in English; null if one can.</summary>
    public string? Fault { get; private set; }

    /// <summary>The start of the array or object that contains the place; -1 for the whole document.</summary>
    public int Container { get; private set; }

    /// <summary>The last token of the pointer.</summary>
    public ReadOnlySpan<byte> Token { get; private set; }

    public bool IsObject { get; private set; }

    public bool Exists { get; private set; }

    public int ValueStart { get; private set; }

    public int ValueEnd { get; private set; }

    /// <summary>Whether an item can be inserted: any member, or an element before an existing one or at the end.</summary>
    public bool CanInsert { get; private set; }

    /// <summary>The number of items before the inserted one.</summary>
    public int Before { get; private set; }

    /// <summary>The position to insert at: the end of the preceding value, or the start of the first item.</summary>
    public int InsertAt { get; private set; }

    /// <summary>The reason why no value exists, in English.</summary>
    public readonly string Missing =>
        Fault ?? $"the {(IsObject ? "object has no member" : "array has no element")} {JsonPointer.Quote(Token)}";

    /// <summary>Whether the place is after the last element of an array.</summary>
    public readonly bool IsEnd => !IsObject && Token is [(byte)'-'];

    public static Slot Find(scoped ReadOnlySpan<byte> text, ReadOnlySpan<byte> pointer)
    {
        if (pointer.IsEmpty) return Whole(text);

        int slash = pointer.LastIndexOf((byte)'/');
        Place place = PointerWalk.Follow(text, pointer[..slash]);
        if (place.Resolved < slash) return new Slot { Fault = "the parent of the path does not exist" };
        return In(text, place.Start, pointer[(slash + 1)..]);
    }

    /// <summary>Returns the place in the value that starts at <paramref name="container"/>.</summary>
    public static Slot In(scoped ReadOnlySpan<byte> text, int container, ReadOnlySpan<byte> token)
    {
        var slot = new Slot { Container = container, Token = token };
        if (text[container] == '{') slot.FindMember(text);
        else if (text[container] == '[') slot.FindElement(text);
        else slot.Fault = "the path leads through a value that is neither an object nor an array";
        return slot;
    }

    private static Slot Whole(scoped ReadOnlySpan<byte> text)
    {
        int start = JsonScan.SkipWhiteSpace(text, 0);
        return new Slot { Container = -1, Exists = true, ValueStart = start, ValueEnd = JsonScan.SkipValue(text, start) };
    }

    private void FindMember(scoped ReadOnlySpan<byte> text)
    {
        IsObject = CanInsert = true;
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
            Fault = $"{JsonPointer.Quote(Token)} is not an array index, expected a number without leading zeros, or \"-\"";
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
        CanInsert = Exists || IsEnd || index == Before;
    }

    private void SetValue(int start, int end)
    {
        Exists = true;
        ValueStart = start;
        ValueEnd = end;
    }
}
