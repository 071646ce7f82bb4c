namespace KestrelKv.Json;

/// <summary>Writes the result of a merge patch.</summary>
internal ref struct MergeWriter(
    ReadOnlySpan<byte> document, ReadOnlySpan<byte> patch, DocumentLimits limits, EditBuffer result)
{
    private readonly ReadOnlySpan<byte> _document = document;
    private readonly ReadOnlySpan<byte> _patch = patch;

    /// <summary>The parts of the patch that are not written, sorted by start.</summary>
    private PooledList<Splice> _nulls;
    private Span<byte> _room;
    private int _length;
    private bool _mayBeDeeper;

    /// <summary>Writes the new document. The changes must be sorted by start.</summary>
    public EditStatus Write(scoped ReadOnlySpan<Splice> splices)
    {
        NullMembers.FindNulls(_patch, ref _nulls);
        _room = result.Room((int)Math.Min(_document.Length + (long)_patch.Length + splices.Length, limits.BytesMax), kept: 0);
        bool fits = WriteAll(splices);
        _nulls.Dispose();
        if (!fits) return EditStatus.ValueTooLong;
        if (_mayBeDeeper && JsonScan.IsDeeper(_room[.._length], limits.DepthMax)) return EditStatus.TooDeep;
        result.Finish(_length);
        return EditStatus.Done;
    }

    private bool WriteAll(scoped ReadOnlySpan<Splice> splices)
    {
        int at = 0;
        foreach (ref readonly Splice splice in splices)
        {
            if (!TryAdd(_document[at..splice.Start]) || !TryAdd(splice)) return false;
            at = splice.End;
        }
        return TryAdd(_document[at..]);
    }

    private bool TryAdd(scoped in Splice splice)
    {
        if (splice.Comma && !TryAdd(","u8)) return false;
        if (splice.Name.End > 0 && !(TryAdd(_patch[splice.Name.Start..splice.Name.End]) && TryAdd(":"u8))) return false;
        return TryAddValue(splice.Value.Start, splice.Value.End);
    }

    /// <summary>Appends a value of the patch without the null members of its objects.</summary>
    private bool TryAddValue(int start, int end)
    {
        _mayBeDeeper |= end > start && _patch[start] is (byte)'{' or (byte)'[';
        ReadOnlySpan<Splice> nulls = _nulls.Items;
        int next = nulls.BinarySearch(new Splice(start, start));
        for (next = next < 0 ? ~next : next; next < nulls.Length && nulls[next].Start < end; next++)
        {
            if (!TryAdd(_patch[start..nulls[next].Start])) return false;
            start = nulls[next].End;
        }
        return TryAdd(_patch[start..end]);
    }

    /// <summary>Appends text. False if the document becomes too long. Otherwise the memory suffices.</summary>
    private bool TryAdd(scoped ReadOnlySpan<byte> text)
    {
        if (text.Length > limits.BytesMax - _length) return false;
        text.CopyTo(_room[_length..]);
        _length += text.Length;
        return true;
    }
}
