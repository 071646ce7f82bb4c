namespace KestrelKv.Json;

/// <summary>A document that is changed piece by piece, in the room of the buffer that receives it.</summary>
internal ref struct EditedText(EditBuffer buffer, DocumentLimits limits)
{
    private Span<byte> _room;
    private int _length;

    /// <summary>Whether anything was put in that may be nested: nothing else makes a document deeper than it was.</summary>
    private bool _mayBeDeeper;

    public readonly ReadOnlySpan<byte> Text => _room[.._length];

    /// <summary>Begins with a document.</summary>
    /// <param name="document">The document.</param>
    /// <param name="more">By how much it is expected to grow.</param>
    public void Start(scoped ReadOnlySpan<byte> document, int more)
    {
        _room = buffer.Room((int)Math.Min(document.Length + (long)more, Math.Max(document.Length, limits.BytesMax)), kept: 0);
        document.CopyTo(_room);
        _length = document.Length;
    }

    /// <summary>Puts something in place of a part. False where the document would become too long; it then stays as it is.</summary>
    /// <param name="start">Where the part begins.</param>
    /// <param name="end">Where it ends.</param>
    /// <param name="before">What is put in: this, then the value, and something after it.</param>
    /// <param name="value">The value.</param>
    /// <param name="after">What is put in after the value.</param>
    public bool TrySplice(
        int start, int end, scoped ReadOnlySpan<byte> before, scoped ReadOnlySpan<byte> value, scoped ReadOnlySpan<byte> after)
    {
        long length = (long)_length - (end - start) + before.Length + value.Length + after.Length;
        // What is shortened may still be too long for a limit that was lowered; that is seen in the end.
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

    /// <summary>Puts a value in the place of the one that is there.</summary>
    public bool TryReplace(scoped Slot slot, scoped ReadOnlySpan<byte> value) =>
        TrySplice(slot.ValueStart, slot.ValueEnd, default, value, default);

    /// <summary>Puts a new item in, with what leads to the value inside of it.</summary>
    public bool TryInsert(
        scoped Slot slot, scoped ReadOnlySpan<byte> before, scoped ReadOnlySpan<byte> value, scoped ReadOnlySpan<byte> after)
    {
        // At the first element nothing goes before, so that the comma comes last.
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

    /// <summary>Removes parts, which are in order of their beginnings and do not overlap.</summary>
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
