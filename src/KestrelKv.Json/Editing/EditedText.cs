namespace KestrelKv.Json;

/// <summary>A document that is edited piece by piece in the memory of the result buffer.</summary>
internal ref struct EditedText(EditBuffer buffer, DocumentLimits limits)
{
    private Span<byte> _room;
    private int _length;

    /// <summary>Whether an array or object was inserted. Nothing else increases the nesting.</summary>
    private bool _mayBeDeeper;

    public readonly ReadOnlySpan<byte> Text => _room[.._length];

    /// <summary>Starts with a copy of a document, and room for the expected growth of <paramref name="more"/> bytes.</summary>
    public void Start(scoped ReadOnlySpan<byte> document, int more)
    {
        _room = buffer.Room((int)Math.Min(document.Length + (long)more, Math.Max(document.Length, limits.BytesMax)), kept: 0);
        document.CopyTo(_room);
        _length = document.Length;
    }

    /// <summary>Replaces a part. False if the document would become too long; the document is then unchanged.</summary>
    /// <param name="start">The start of the part.</param>
    /// <param name="end">The end of the part.</param>
    /// <param name="before">The text to insert before the value.</param>
    /// <param name="value">The value.</param>
    /// <param name="after">The text to insert after the value.</param>
    public bool TrySplice(
        int start, int end, scoped ReadOnlySpan<byte> before, scoped ReadOnlySpan<byte> value, scoped ReadOnlySpan<byte> after)
    {
        long length = (long)_length - (end - start) + before.Length + value.Length + after.Length;
        // A shortened document may still exceed a lowered limit; Finish checks that.
        if (length > limits.BytesMax && length > _length) return false;

        if (length > _room.Length) Grow((int)length);
        int rest = (int)length - (_length - end);
        _room[end.._length].CopyTo(_room[rest..]);
        before.CopyTo(_room[start..]);
        value.CopyTo(_room[(start + before.Length)..]);
        after.CopyTo(_room[(rest - after.Length)..]);
        _length = (int)length;
        _mayBeDeeper |= MayBeNested(before) || MayBeNested(value);
        return true;
    }

    public bool TryReplace(scoped Slot slot, scoped ReadOnlySpan<byte> value) =>
        TrySplice(slot.ValueStart, slot.ValueEnd, default, value, default);

    /// <summary>Inserts a new item: the value with the text around it.</summary>
    public bool TryInsert(
        scoped Slot slot, scoped ReadOnlySpan<byte> before, scoped ReadOnlySpan<byte> value, scoped ReadOnlySpan<byte> after)
    {
        // Before the first element, the comma follows the new value.
        if (slot is { IsObject: false, Exists: true, Before: 0 }) return TrySplice(slot.InsertAt, slot.InsertAt, before, value, ","u8);

        var lead = new PooledList<byte>(stackalloc byte[128]);
        if (slot.Before > 0) lead.Add((byte)',');
        if (slot.IsObject)
        {
            PointerToken.AddName(slot.Token, ref lead);
            lead.Add((byte)':');
        }
        lead.Add(before);
        bool fits = TrySplice(slot.InsertAt, slot.InsertAt, lead.Items, value, after);
        lead.Dispose();
        return fits;
    }

    /// <summary>Removes parts, which are sorted by start and do not overlap.</summary>
    public void Remove(scoped ReadOnlySpan<Splice> parts)
    {
        int to = parts[0].Start;
        for (int i = 0; i < parts.Length; i++)
        {
            Span<byte> kept = _room[parts[i].End..(i + 1 < parts.Length ? parts[i + 1].Start : _length)];
            kept.CopyTo(_room[to..]);
            to += kept.Length;
        }
        _length = to;
    }

    /// <summary>Makes the document the text of the buffer, if it is within the limits.</summary>
    public readonly EditStatus Finish()
    {
        if (_length > limits.BytesMax) return EditStatus.ValueTooLong;
        if (_mayBeDeeper && JsonScan.IsDeeper(Text, limits.DepthMax)) return EditStatus.TooDeep;
        buffer.Finish(_length);
        return EditStatus.Done;
    }

    private static bool MayBeNested(ReadOnlySpan<byte> text) => text.ContainsAny((byte)'{', (byte)'[');

    private void Grow(int needed)
    {
        int length = Math.Max(needed, (int)Math.Min(limits.BytesMax, 2L * _room.Length));
        _room = buffer.Room(length, kept: _length);
    }
}
