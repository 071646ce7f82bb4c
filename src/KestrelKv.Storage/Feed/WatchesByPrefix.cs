namespace KestrelKv.Storage.Feed;

/// <summary>Watches by their prefixes: which a key concerns is found by one look-up for each length that prefixes have.</summary>
internal sealed class WatchesByPrefix
{
    private readonly SortedList<int, Dictionary<byte[], List<FeedWatch>>> _byLength = [];

    /// <summary>How many there are.</summary>
    public int Count { get; private set; }

    /// <summary>Adds one.</summary>
    public void Add(FeedWatch watch)
    {
        if (!_byLength.TryGetValue(watch.Prefix.Length, out Dictionary<byte[], List<FeedWatch>>? prefixes))
            _byLength.Add(watch.Prefix.Length, prefixes = new(KeyComparer.Instance));
        if (!prefixes.TryGetValue(watch.Prefix, out List<FeedWatch>? watches)) prefixes.Add(watch.Prefix, watches = []);
        watches.Add(watch);
        Count++;
    }

    /// <summary>Takes one away that is there.</summary>
    public void Remove(FeedWatch watch)
    {
        Dictionary<byte[], List<FeedWatch>> prefixes = _byLength[watch.Prefix.Length];
        List<FeedWatch> watches = prefixes[watch.Prefix];
        watches.Remove(watch);
        Count--;
        if (watches.Count == 0) prefixes.Remove(watch.Prefix);
        if (prefixes.Count == 0) _byLength.Remove(watch.Prefix.Length);
    }

    /// <summary>Adds all that there are to a list.</summary>
    public void CopyTo(List<FeedWatch> all)
    {
        foreach (Dictionary<byte[], List<FeedWatch>> prefixes in _byLength.Values)
            foreach (List<FeedWatch> watches in prefixes.Values) all.AddRange(watches);
    }

    /// <summary>The watches whose prefixes a key begins with: those of the <paramref name="place"/>th length.</summary>
    /// <param name="key">The key.</param>
    /// <param name="place">0, 1 and so on, until it returns false.</param>
    /// <param name="watches">The watches; null where there are none of this length.</param>
    public bool TryFind(ReadOnlySpan<byte> key, int place, out List<FeedWatch>? watches)
    {
        watches = null;
        if (place >= _byLength.Count) return false;
        int length = _byLength.GetKeyAtIndex(place);
        if (length > key.Length) return false;
        _byLength.GetValueAtIndex(place).GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(key[..length], out watches);
        return true;
    }
}
