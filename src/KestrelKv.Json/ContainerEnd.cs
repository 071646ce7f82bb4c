namespace KestrelKv.Json;

/// <summary>
/// Where an array or object of a text begins and ends. Whoever goes down level by level, passing over the members of each, would
/// read the innermost as often as there are levels; with a list of the ends of what is not small each byte is read
/// a few times at most.
/// </summary>
internal readonly record struct ContainerEnd(int Start, int End)
{
    /// <summary>Shorter texts are read over again, which is faster than making a list.</summary>
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
        // What is inside of a small one is smaller, and has gone from the list before: it is the last one.
        if (end - item.Start < BytesMin) ends.RemoveFrom(open);
        return item.End;
    }
}
