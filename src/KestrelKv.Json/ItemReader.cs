namespace KestrelKv.Json;

/// <summary>Reads the members of an object, or the elements of an array, in order.</summary>
/// <param name="text">Valid JSON.</param>
/// <param name="start">The start of the array or object.</param>
/// <param name="ends">The containers of the text, if known.</param>
internal ref struct ItemReader(ReadOnlySpan<byte> text, int start, ReadOnlySpan<ContainerEnd> ends = default)
{
    private readonly ReadOnlySpan<byte> _text = text;
    private readonly ReadOnlySpan<ContainerEnd> _ends = ends;
    private int _at = start + 1;

    public readonly bool IsObject => _text[start] == '{';

    /// <summary>The index of the item; after the last item, the number of items.</summary>
    public int Index { get; private set; } = -1;

    /// <summary>The comma before the item; -1 for the first item.</summary>
    public int Comma { get; private set; } = -1;

    /// <summary>The start of the item. A member starts with the first quote of its name.</summary>
    public int Start { get; private set; }

    /// <summary>The name of the member as spelled, without quotes.</summary>
    public ReadOnlySpan<byte> Name { get; private set; }

    public int ValueStart { get; private set; }

    /// <summary>
    /// The end of the value and of the item. After the last item, the end of that item; in an empty container, the position after the
    /// opening bracket.
    /// </summary>
    public int ValueEnd { get; private set; } = start + 1;

    public readonly ItemExtent Extent => new(Comma, Start, ValueEnd);

    /// <summary>Moves to the next item and skips its value.</summary>
    public bool MoveNext()
    {
        if (!MoveToNext()) return false;
        Pass();
        return true;
    }

    /// <summary>Moves to the next item without skipping its value.</summary>
    public bool MoveToNext()
    {
        Index++;
        int at = JsonScan.SkipWhiteSpace(_text, _at);
        if (_text[at] is (byte)'}' or (byte)']') return false;
        if (_text[at] == ',')
        {
            Comma = at;
            at = JsonScan.SkipWhiteSpace(_text, at + 1);
        }
        Start = ValueStart = at;
        if (IsObject) ReadName();
        return true;
    }

    public void Pass() => _at = ValueEnd = ContainerEnd.Skip(_text, ValueStart, _ends);

    private void ReadName()
    {
        int end = JsonScan.SkipString(_text, Start);
        Name = _text[(Start + 1)..(end - 1)];
        int colon = JsonScan.SkipWhiteSpace(_text, end);
        ValueStart = JsonScan.SkipWhiteSpace(_text, colon + 1);
    }
}

/// <summary>The part of the text that an item occupies.</summary>
/// <param name="Comma">The comma before the item; -1 for the first item.</param>
/// <param name="Start">The start of the item.</param>
/// <param name="End">The end of the item.</param>
internal readonly record struct ItemExtent(int Comma, int Start, int End);
