namespace KestrelKv.Json;

/// <summary>
/// The beginning and the end of an array or object in a text. A reader that descends level by level and skips the members of each
/// level would read the innermost bytes once a level. With a list of the ends of all but small containers, it reads each byte a few
/// times at most.
/// </summary>
internal readonly record struct ContainerEnd(int Start, int End)
{
    /// <summary>Shorter texts are read again, which is faster than making a list.</summary>
    private const int TextBytesMin = 1_024;

    /// <summary>Shorter arrays and objects are not in the list: passing over them by reading costs no more than a search.</summary>
    private const int BytesMin = 64;

    /// <summary>Adds what is in a text, in order of the beginnings.</summary>
    public static void AddAll(scoped ReadOnlySpan<byte> text, ref PooledList<ContainerEnd> ends)
    {
        if (text.Length < TextBytesMin) return;

        // While an array or object is open, its item has the index of the one around it in place of the end.
        int around = -1;
        for (int at = 0; at < text.Length;)
        {
            int step = text[at..].IndexOfAny("\"{}[]"u8);
            if (step < 0) return;
            at += step;
            switch (text[at])
            {
                case (byte)'"':
                    at = JsonScan.SkipString(text, at);
                    break;
                case (byte)'{' or (byte)'[':
                    ends.Add(new ContainerEnd(at++, around));
                    around = ends.Count - 1;
                    break;
                default:
                    around = Close(ref ends, around, ++at);
                    break;
            }
        }
    }

    /// <summary>Where the value ends that begins at <paramref name="at"/>.</summary>
    public static int Skip(ReadOnlySpan<byte> text, int at, ReadOnlySpan<ContainerEnd> ends)
    {
        if (ends.IsEmpty || text[at] is not ((byte)'{' or (byte)'[')) return JsonScan.SkipValue(text, at);

        int low = 0, high = ends.Length - 1;
        while (low <= high)
        {
            int middle = (low + high) >>> 1;
            if (ends[middle].Start == at) return ends[middle].End;
            if (ends[middle].Start < at) low = middle + 1;
            else high = middle - 1;
        }
        return JsonScan.SkipValue(text, at);
    }

    private static int Close(ref PooledList<ContainerEnd> ends, int open, int end)
    {
        ContainerEnd item = ends.Items[open];
        ends.Items[open] = item with { End = end };
        // It is the last item: all containers inside of a small one are smaller, and have been removed.
        if (end - item.Start < BytesMin) ends.RemoveFrom(open);
        return item.End;
    }
}
