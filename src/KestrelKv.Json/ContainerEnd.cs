namespace KestrelKv.Json;

/// <summary>
/// The start and end of an array or object in a text. A reader that descends level by level and skips the members of each level
/// would scan the innermost bytes once per level. A list of the ends of all but small containers limits this to a few scans per byte.
/// </summary>
internal readonly record struct ContainerEnd(int Start, int End)
{
    /// <summary>The minimum length of a text with a list. Shorter texts are faster to scan again.</summary>
    private const int TextBytesMin = 1_024;

    /// <summary>The minimum length of a container in the list. Scanning a shorter one costs no more than a search.</summary>
    private const int BytesMin = 64;

    /// <summary>Adds the containers of a text, sorted by start.</summary>
    public static void AddAll(scoped ReadOnlySpan<byte> text, ref PooledList<ContainerEnd> ends)
    {
        if (text.Length < TextBytesMin) return;

        // The item of an open container has the index of its parent in place of the end.
        int parent = -1;
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
                    ends.Add(new ContainerEnd(at++, parent));
                    parent = ends.Count - 1;
                    break;
                default:
                    parent = Close(ref ends, parent, ++at);
                    break;
            }
        }
    }

    /// <summary>Returns the end of the value at <paramref name="at"/>.</summary>
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
        // The item is the last: the containers in a small one are smaller and have been removed.
        if (end - item.Start < BytesMin) ends.Truncate(open);
        return item.End;
    }
}
