namespace KestrelKv.Json;

/// <summary>
/// The parts of the text of an array or object that are removed with some of its items: each item with the comma before it, or, if
/// no item is left before it, with all up to the next one.
/// </summary>
internal ref struct Removals
{
    private int _first;
    private int _lastEnd;

    /// <summary>Whether an item stays.</summary>
    public bool AnyKept { get; private set; }

    private bool _anyRemoved;

    /// <summary>Takes the items in order.</summary>
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

    /// <summary>After the last item.</summary>
    public readonly void End(ref PooledList<Splice> splices)
    {
        if (_anyRemoved && !AnyKept) splices.Add(new Splice(_first, _lastEnd));
    }
}
