namespace KestrelKv.Wire;

/// <summary>
/// A limited number of connections that have not proved useful yet, in the order of their arrival. Beyond the limit, each further one
/// displaces the oldest, so that silent clients do not keep others out. Thread-safe.
/// </summary>
/// <param name="max">The limit, at least 1.</param>
public sealed class OldestFirst<T>(int max)
    where T : class
{
    private readonly Lock _lock = new();
    private readonly LinkedList<T> _list = [];

    /// <summary>The number of connections.</summary>
    public int Count
    {
        get
        {
            lock (_lock) return _list.Count;
        }
    }

    /// <summary>Adds a connection, which must not be in the list. Returns the displaced one, which the caller must end; null for none.</summary>
    public T? Add(LinkedListNode<T> node)
    {
        lock (_lock)
        {
            _list.AddLast(node);
            return _list.Count > max ? RemoveFirst() : null;
        }
    }

    /// <summary>Removes a connection. Returns false if it was displaced, or is not in the list.</summary>
    public bool Remove(LinkedListNode<T> node)
    {
        lock (_lock)
        {
            if (node.List is null) return false;
            _list.Remove(node);
            return true;
        }
    }

    /// <summary>Removes the oldest connection and returns it; null if there is none.</summary>
    public T? Displace()
    {
        lock (_lock) return _list.Count > 0 ? RemoveFirst() : null;
    }

    private T RemoveFirst()
    {
        T first = _list.First!.Value;
        _list.RemoveFirst();
        return first;
    }
}
