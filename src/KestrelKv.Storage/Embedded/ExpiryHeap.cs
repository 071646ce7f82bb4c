using System.Runtime.InteropServices;

namespace KestrelKv.Storage.Embedded;

/// <summary>The expiring entries of a shard, earliest expiry first: a 4-ary heap.</summary>
/// <remarks>
/// <para>
/// Invariants: a node expires no later than its children. Each entry stores its own index in the heap (<see cref="Entry.HeapIndex"/>).
/// A node holds the address of the entry's current block, so <see cref="Replace"/> must be called before the old block is freed.
/// </para>
/// <para>The heap owns the array of nodes, but no blocks. All members require the shard's lock.</para>
/// </remarks>
internal sealed unsafe class ExpiryHeap : IDisposable
{
    /// <summary>The memory per entry if half of the nodes are used, in bytes.</summary>
    public const int BytesPerEntry = 2 * 16;

    private const int Children = 4;
    private const int NodesMin = 64;

    private Node* _nodes;
    private int _capacity;

    public int Count { get; private set; }

    public long Bytes => (long)_capacity * sizeof(Node);

    /// <summary>The entry that expires first. The heap must not be empty.</summary>
    public Entry First => new(_nodes[0].Block);

    public void Dispose()
    {
        Release();
        Count = 0;
    }

    /// <exception cref="OutOfMemoryException">Nothing has changed.</exception>
    public void EnsureRoom(int entries)
    {
        if (Count + entries > _capacity) Resize(Math.Max(NodesMin, Math.Max(_capacity * 2, Count + entries)));
    }

    /// <summary>Adds an entry. Requires room from <see cref="EnsureRoom"/>.</summary>
    public void Add(Entry entry)
    {
        Count++;
        SiftUp(Count - 1, new Node { ExpiresAt = entry.ExpiresAt, Block = entry.Block });
    }

    /// <summary>Replaces a node's block by the entry's new one, which may have another expiry.</summary>
    public void Replace(int index, Entry entry)
    {
        long previous = _nodes[index].ExpiresAt;
        var node = new Node { ExpiresAt = entry.ExpiresAt, Block = entry.Block };
        if (node.ExpiresAt < previous) SiftUp(index, node);
        else SiftDown(index, node);
    }

    /// <summary>Removes an entry. The room of <paramref name="pending"/> prepared entries remains.</summary>
    public void RemoveAt(int index, int pending)
    {
        Node last = _nodes[--Count];
        if (index < Count)
        {
            if (last.ExpiresAt < _nodes[index].ExpiresAt) SiftUp(index, last);
            else SiftDown(index, last);
        }
        if (pending > 0) return;
        if (Count == 0) Release();
        else if (_capacity > NodesMin && Count < _capacity / Children) TryShrink();
    }

    private void SiftUp(int index, Node node)
    {
        while (index > 0)
        {
            int parent = (index - 1) / Children;
            if (_nodes[parent].ExpiresAt <= node.ExpiresAt) break;
            Set(index, _nodes[parent]);
            index = parent;
        }
        Set(index, node);
    }

    private void SiftDown(int index, Node node)
    {
        while (true)
        {
            int first = checked(index * Children + 1);
            if (first >= Count) break;
            int earliest = first;
            for (int child = first + 1; child < Math.Min(first + Children, Count); child++)
                if (_nodes[child].ExpiresAt < _nodes[earliest].ExpiresAt) earliest = child;
            if (node.ExpiresAt <= _nodes[earliest].ExpiresAt) break;
            Set(index, _nodes[earliest]);
            index = earliest;
        }
        Set(index, node);
    }

    private void Set(int index, Node node)
    {
        _nodes[index] = node;
        new Entry(node.Block).HeapIndex = index;
    }

    private void Release()
    {
        NativeMemory.Free(_nodes);
        _nodes = null;
        _capacity = 0;
    }

    private void TryShrink()
    {
        try
        {
            Resize(_capacity / 2);
        }
        catch (OutOfMemoryException)
        {
            // Unused nodes do no harm.
        }
    }

    private void Resize(int capacity)
    {
        _nodes = (Node*)NativeMemory.Realloc(_nodes, (nuint)capacity * (nuint)sizeof(Node));
        _capacity = capacity;
    }

    private struct Node
    {
        public long ExpiresAt;
        public byte* Block;
    }
}
