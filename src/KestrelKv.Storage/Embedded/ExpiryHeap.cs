using System.Runtime.InteropServices;

namespace KestrelKv.Storage.Embedded;

/// <summary>The entries of a shard that expire, the soonest first: a heap of four children a node.</summary>
/// <remarks>
/// What must hold: a node expires no later than its children, and each entry knows its place. An entry that is given
/// another block has to be told here. All under the shard's lock.
/// </remarks>
internal sealed unsafe class ExpiryHeap : IDisposable
{
    /// <summary>What an entry takes at the most: half of the nodes are used.</summary>
    public const int BytesPerEntry = 2 * 16;

    private const int Children = 4;
    private const int NodesMin = 64;

    private Node* _nodes;
    private int _capacity;

    public int Count { get; private set; }

    /// <summary>Bytes of the nodes.</summary>
    public long Bytes => (long)_capacity * sizeof(Node);

    /// <summary>The entry that expires next; there must be one.</summary>
    public Entry First => new(_nodes[0].Block);

    public void Dispose()
    {
        Release();
        Count = 0;
    }

    /// <summary>Makes room for so many more entries.</summary>
    /// <exception cref="OutOfMemoryException">Nothing has changed.</exception>
    public void EnsureRoom(int entries)
    {
        if (Count + entries > _capacity) Resize(Math.Max(NodesMin, Math.Max(_capacity * 2, Count + entries)));
    }

    /// <summary>Adds an entry; <see cref="EnsureRoom"/> has made room for it.</summary>
    public void Add(Entry entry)
    {
        Count++;
        Up(Count - 1, new Node { ExpiresAt = entry.ExpiresAt, Block = entry.Block });
    }

    /// <summary>Puts an entry's new block, which may expire at another time, in the place of its old one.</summary>
    public void Replace(int place, Entry entry)
    {
        long before = _nodes[place].ExpiresAt;
        var node = new Node { ExpiresAt = entry.ExpiresAt, Block = entry.Block };
        if (node.ExpiresAt < before) Up(place, node);
        else Down(place, node);
    }

    /// <summary>Removes the entry at a place.</summary>
    /// <param name="place">The place.</param>
    /// <param name="pending">For how many entries room must remain.</param>
    public void RemoveAt(int place, int pending)
    {
        Node last = _nodes[--Count];
        if (place < Count)
        {
            if (last.ExpiresAt < _nodes[place].ExpiresAt) Up(place, last);
            else Down(place, last);
        }
        if (pending > 0) return;
        if (Count == 0) Release();
        else if (_capacity > NodesMin && Count < _capacity / Children) TryShrink();
    }

    private void Up(int place, Node node)
    {
        while (place > 0)
        {
            int parent = (place - 1) / Children;
            if (_nodes[parent].ExpiresAt <= node.ExpiresAt) break;
            Set(place, _nodes[parent]);
            place = parent;
        }
        Set(place, node);
    }

    private void Down(int place, Node node)
    {
        while (true)
        {
            int first = checked(place * Children + 1);
            if (first >= Count) break;
            int soonest = first;
            for (int child = first + 1; child < Math.Min(first + Children, Count); child++)
                if (_nodes[child].ExpiresAt < _nodes[soonest].ExpiresAt) soonest = child;
            if (node.ExpiresAt <= _nodes[soonest].ExpiresAt) break;
            Set(place, _nodes[soonest]);
            place = soonest;
        }
        Set(place, node);
    }

    private void Set(int place, Node node)
    {
        _nodes[place] = node;
        new Entry(node.Block).HeapPlace = place;
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
            // Nodes that are not used do no harm.
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
