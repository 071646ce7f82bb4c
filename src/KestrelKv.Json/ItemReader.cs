namespace KestrelKv.Json;

/// <summary>The members of an object, or the elements of an array, one after the other.</summary>
/// <param name="text">Valid JSON.</param>
/// <param name="start">Where the array or object begins in it.</param>
/// <param name="ends">Where the values end, if that is known.</param>
internal ref struct ItemReader(ReadOnlySpan<byte> text, int start, ReadOnlySpan<ContainerEnd> ends = default)
{
    private readonly ReadOnlySpan<byte> _text = text;
    private readonly ReadOnlySpan<ContainerEnd> _ends = ends;
    private int _at = start + 1;

    public readonly bool IsObject => _text[start] == '{';

    /// <summary>How many items lie before the present one; in the end, how many there are.</summary>
    public int Index { get; private set; } = -1;

    /// <summary>The comma before the item, if it has one before it.</summary>
    public int Comma { get; private set; } = -1;

    /// <summary>Where the item begins: the first quote of the name of a member.</summary>
    public int Start { get; private set; }

    /// <summary>The name of a member as it is spelled, without its quotes.</summary>
    public ReadOnlySpan<byte> Name { get; private set; }

    public int ValueStart { get; private set; }

    /// <summary>
    /// Where the value ends, and the item. In the end, where the last one ended: just inside of the container where it has none.
    /// </summary>
    public int ValueEnd { get; private set; } = start + 1;

    public readonly ItemExtent Extent => new(Comma, Start, ValueEnd);

    /// <summary>Moves to the next item and past it.</summary>
    public bool MoveNext()
    {
        if (!MoveToNext()) return false;
        Pass();
        return true;
    }

    /// <summary>Moves to the value of the next item, but not past it.</summary>
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

    /// <summary>Moves past the value.</summary>
    public void Pass() => _at = ValueEnd = ContainerEnd.Skip(_text, ValueStart, _ends);

    private void ReadName()
    {
        int end = JsonScan.SkipString(_text, Start);
        Name = _text[(Start + 1)..(end - 1)];
        int colon = JsonScan.SkipWhiteSpace(_text, end);
        ValueStart = JsonScan.SkipWhiteSpace(_text, colon + 1);
    }
}

/// <summary>What an item takes of the text.</summary>
/// <param name="Comma">The comma before it, if it has one before it.</param>
/// <param name="Start">Where it begins.</param>
/// <param name="End">Where it ends.</param>
internal readonly record struct ItemExtent(int Comma, int Start, int End);
