using System.Buffers.Text;

namespace KestrelKv.Json;

/// <summary>Adds a number to a number in a document.</summary>
internal static class IncrementEdit
{
    public static EditResult Apply(
        ReadOnlySpan<byte> document, ReadOnlySpan<byte> path, ReadOnlySpan<byte> delta, DocumentLimits limits,
        EditBuffer result)
    {
        Place place = PointerWalk.Follow(document, path);
        return place.Resolved == path.Length
            ? AddTo(document, place.Start, delta, limits, result)
            : Create(document, place, path, delta, limits, result);
    }

    /// <summary>Creates the value of a missing key.</summary>
    public static EditResult Create(
        ReadOnlySpan<byte> path, ReadOnlySpan<byte> delta, DocumentLimits limits, EditBuffer result)
    {
        Span<byte> sum = stackalloc byte[DecimalSum.BytesMax];
        if (!TryAdd("0"u8, delta, sum, out int length)) return Overflow;

        var text = new EditedText(result, limits);
        text.Start(default, path.Length + length);
        var around = new PooledList<byte>(stackalloc byte[256]);
        int levels = AddObjects(path, 0, ref around);
        bool fits = text.TrySplice(0, 0, around.Items[..^levels], sum[..length], around.Items[^levels..]);
        int start = around.Count - levels;
        around.Dispose();
        return Finish(ref text, fits, start, length);
    }

    private static EditResult AddTo(
        ReadOnlySpan<byte> document, int start, ReadOnlySpan<byte> delta, DocumentLimits limits, EditBuffer result)
    {
        if (!JsonNumber.IsNumber(document[start])) return new EditResult(EditStatus.NotANumber, "the value to increment is not a number");

        int end = JsonScan.SkipValue(document, start);
        Span<byte> sum = stackalloc byte[DecimalSum.BytesMax];
        if (!TryAdd(document[start..end], delta, sum, out int length)) return Overflow;

        var text = new EditedText(result, limits);
        text.Start(document, length);
        return Finish(ref text, text.TrySplice(start, end, default, sum[..length], default), start, length);
    }

    /// <summary>Inserts the number, with the missing objects around it, into the last existing value of the path.</summary>
    private static EditResult Create(
        ReadOnlySpan<byte> document, Place place, ReadOnlySpan<byte> path, ReadOnlySpan<byte> delta, DocumentLimits limits,
        EditBuffer result)
    {
        Slot slot = Slot.In(document, place.Start, PointerToken.At(path, place.Resolved));
        if (slot.Fault is not null || !(slot.IsObject || slot.IsEnd)) return new EditResult(EditStatus.PathNotFound, slot.Missing);

        Span<byte> sum = stackalloc byte[DecimalSum.BytesMax];
        if (!TryAdd("0"u8, delta, sum, out int length)) return Overflow;

        var text = new EditedText(result, limits);
        text.Start(document, path.Length + length + 16);
        var around = new PooledList<byte>(stackalloc byte[256]);
        int levels = AddObjects(path, PointerToken.Next(path, place.Resolved), ref around);
        bool fits = text.TryInsert(slot, around.Items[..^levels], sum[..length], around.Items[^levels..]);
        // The number is followed by the closing brackets and the unchanged end of the document.
        int start = text.Text.Length - (document.Length - slot.InsertAt) - levels - length;
        around.Dispose();
        return Finish(ref text, fits, start, length);
    }

    private static EditResult Overflow => new(EditStatus.NumberOverflow);

    private static EditResult Finish(ref EditedText text, bool fits, int start, int length)
    {
        EditStatus status = fits ? text.Finish() : EditStatus.ValueTooLong;
        return status == EditStatus.Done ? new EditResult(status, null, start, length) : new EditResult(status);
    }

    /// <summary>
    /// Appends the openings of objects, one per token from <paramref name="slash"/> on, then their closing brackets. Returns the number
    /// of objects.
    /// </summary>
    private static int AddObjects(ReadOnlySpan<byte> path, int slash, ref PooledList<byte> to)
    {
        int levels = 0;
        for (; slash < path.Length; slash = PointerToken.Next(path, slash), levels++)
        {
            to.Add((byte)'{');
            PointerToken.AddName(PointerToken.At(path, slash), ref to);
            to.Add((byte)':');
        }
        to.AddRoom(levels).Fill((byte)'}');
        return levels;
    }

    private static bool TryAdd(ReadOnlySpan<byte> target, ReadOnlySpan<byte> delta, Span<byte> sum, out int length)
    {
        length = 0;
        var number = new JsonNumber(target);
        var added = new JsonNumber(delta);
        bool fits = TryReadInteger(target, out long integer);
        if (number.IsInteger && !fits) return false;
        if (!number.IsInteger || !added.IsInteger)
        {
            // A sum without decimals is an integer, which the next increment accepts only within 64 bits.
            return DecimalSum.TryAdd(number, added, sum, out length) &&
                (sum[..length].Contains((byte)'.') || TryReadInteger(sum[..length], out _));
        }
        if (!TryReadInteger(delta, out long more)) return false;

        long total = unchecked(integer + more);
        // On overflow, the sign of the sum differs from the sign of both operands.
        return ((integer ^ total) & (more ^ total)) >= 0 && Utf8Formatter.TryFormat(total, sum, out length);
    }

    private static bool TryReadInteger(ReadOnlySpan<byte> text, out long value) =>
        Utf8Parser.TryParse(text, out value, out int read) && read == text.Length;
}
