namespace KestrelKv.Cli.KeyStats;

/// <summary>The result of a scan, which may be partial.</summary>
internal sealed record KeyReport
{
    private ILookup<(string Parent, int Depth), PrefixGroup>? _inside;

    public required string Delimiter { get; init; }

    /// <summary>All keys of the scan.</summary>
    public required PrefixGroup All { get; init; }

    /// <summary>The largest groups, in the order of their prefixes.</summary>
    public required IReadOnlyList<PrefixGroup> Groups { get; init; }

    public required IReadOnlyList<(string Key, long Bytes)> Largest { get; init; }

    public required ExpiryTotals Expiries { get; init; }

    /// <summary>Whether the scan has reached its end.</summary>
    public required bool IsComplete { get; init; }

    /// <summary>The exclusive start of the scan; null for the first key.</summary>
    public required string? After { get; init; }

    /// <summary>The last key of the scan; null if there is none.</summary>
    public required string? Position { get; init; }

    public required TimeSpan Time { get; init; }

    /// <summary>Returns the kept groups inside a group, the largest ones first.</summary>
    public IEnumerable<PrefixGroup> Inside(PrefixGroup group)
    {
        _inside ??= Groups.OrderByDescending(inner => inner.Total.Bytes).ToLookup(inner => (inner.Parent, inner.Depth));
        return _inside[(group.Prefix, group.Depth + 1)];
    }

    /// <summary>Returns the number of groups inside a group that were not kept, and their keys.</summary>
    public (long Groups, Tally Tally) Untracked(PrefixGroup group)
    {
        (long count, Tally tally) = (group.Groups, group.Total.Without(group.Direct));
        if (count == 0) return (0, default);
        foreach (PrefixGroup inner in Inside(group))
        {
            count--;
            tally = tally.Without(inner.Total);
        }
        return (count, tally);
    }
}
