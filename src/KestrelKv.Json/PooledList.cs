namespace KestrelKv.Json;

/// <summary>A list that starts on the stack and grows into pooled arrays. A small list allocates nothing.</summary>
/// <param name="initial">The memory for the first items.</param>
internal ref struct PooledList<T>(Span<T> initial)
    where T : unmanaged
{
    private Span<T> _room = initial;
    private T[]? _rented;

    public int Count { get; private set; }

    public readonly Span<T> Items => _room[..Count];

    public void Add(T item)
    {
        if (Count == _room.Length) Grow(Count + 1);
        _room[Count++] = item;
    }

    public void Add(scoped ReadOnlySpan<T> items) => items.CopyTo(AddRoom(items.Length));

    /// <summary>Adds items, which the caller must fill before the next change of the list.</summary>
    public Span<T> AddRoom(int count)
    {
        if (count > _room.Length - Count) Grow(checked(Count + count));
        Count += count;
        return _room.Slice(Count - count, count);
    }

    public T TakeLast() => _room[--Count];

    public void Truncate(int count) => Count = count;

    public void Dispose()
    {
        if (_rented is not null) ScratchArrays.Return(_rented);
        this = default;
    }

    private void Grow(int needed)
    {
        T[] larger = ScratchArrays.Rent<T>(Math.Max(needed, (int)Math.Min(Array.MaxLength, 2L * _room.Length)));
        Items.CopyTo(larger);
        if (_rented is not null) ScratchArrays.Return(_rented);
        _room = _rented = larger;
    }
}
