namespace KestrelKv.Json;

/// <summary>
/// Finds the parts of an array's or object's text to remove with some of its items: each item with the comma before it, or, if no item
/// remains before it, with the text up to the next remaining item.
/// </summary>
internal ref struct Removals
{
    private int _first;
    private int _lastEnd;

    /// <summary>Whether an item remains.</summary>
    public bool AnyKept { get; private set; }

    private bool _anyRemoved;

    /// <summary>Processes the next item.</summary>
    public void Pass(ItemExtent item, bool removed, ref PooledList<Splice> splices)
    {
        _lastEnd = item.End;
        if (!removed)
        {
            if (!AnyKept && _anyRemoved) splices.Add(new Splice(_first, item.Start));
            AnyKept = true;
        }
        else if (AnyKept) splices.Add(new Splice(item.Comma, item.End));
        else if (!_anyRemoved) _first = item.Start;
        _anyRemoved |= removed;
    }

    /// <summary>Completes the parts after the last item.</summary>
    public readonly void End(ref PooledList<Splice> splices)
    {
        if (_anyRemoved && !AnyKept) splices.Add(new Splice(_first, _lastEnd));
    }
}
