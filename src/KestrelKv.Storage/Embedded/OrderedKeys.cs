using System.Diagnostics;
using System.Runtime.Intrinsics.X86;

namespace KestrelKv.Storage.Embedded;

/// <summary>The keys of a shard in the order of their bytes: a B+tree of keys alone, touched when keys come and go.</summary>
/// <remarks>
/// <para>
/// A node is a slotted page (<see cref="OrderedNode"/>). Leaves hold keys and are linked with their neighbours; inner
/// nodes hold separators, each the shortest that tells the keys before it from those from it on, with the child to
/// the right of it. A node that is full is split in the middle, or, where keys come in order, at its end. A leaf is
/// removed when it is empty and not before, which costs little space and saves merging (Johnson and Shasha, "B-trees
/// with inserts and deletes: why free-at-empty is better than merge-at-half", 1993).
/// </para>
/// <para>All under the shard's lock.</para>
/// </remarks>
internal sealed unsafe class OrderedKeys(NativeHeap heap)
{
    /// <summary>
    /// Deeper than any tree: a split leaves at least two children, and a way of this length would take 2^60 keys.
    /// </summary>
    private const int DepthMax = 64;

    private byte* _root;

    /// <summary>The last leaf, where <see cref="Append"/> has found it; null where it may be another one.</summary>
    private byte* _last;

    /// <summary>Adds a key that is not there.</summary>
    public void Add(ReadOnlySpan<byte> key)
    {
        if (_root == null) _root = OrderedNode.Create(heap, isLeaf: true).Block;
        Step* path = stackalloc Step[DepthMax];
        int depth = Descend(key, path);
        OrderedNode leaf = new(path[depth].Node);
        int at = leaf.LowerBound(key);
        Debug.Assert(at == leaf.Count || !leaf.KeyAt(at).SequenceEqual(key), "the key is there already");

        if (leaf.TryInsert(heap, at, key, null)) return;
        OrderedNode right = SplitLeaf(leaf, at, key);
        AddToParent(path, depth, right, Separator(leaf.KeyAt(leaf.Count - 1), right.KeyAt(0)));
    }

    /// <summary>Adds a key that is not there and is, if keys come in order, greater than all: then it is found where to.</summary>
    public void Append(ReadOnlySpan<byte> key)
    {
        OrderedNode last = new(_last);
        if (last.Exists && !last.Next.Exists && last.KeyAt(last.Count - 1).SequenceCompareTo(key) < 0 && last.TryInsert(heap, last.Count, key, null)) return;

        Add(key);
        for (last = new(_root); !last.IsLeaf;) last = last.Child(last.Count - 1);
        _last = last.Block;
    }

    /// <summary>Removes a key that is there.</summary>
    public void Remove(ReadOnlySpan<byte> key)
    {
        Step* path = stackalloc Step[DepthMax];
        int depth = Descend(key, path);
        OrderedNode leaf = new(path[depth].Node);
        int at = leaf.LowerBound(key);
        Debug.Assert(at < leaf.Count && leaf.KeyAt(at).SequenceEqual(key), "there is no such key");

        leaf.RemoveAt(heap, at);
        if (leaf.Count > 0) return;
        if (leaf.Block == _last) _last = null;
        leaf.UnlinkLeaf();
        RemoveFromParent(path, depth);
    }

    /// <summary>What a key takes, in nodes that are half full.</summary>
    public static int BytesPerKey(int keyBytes) => OrderedNode.BytesPerKey(keyBytes);

    /// <summary>Has the keys from a key on loaded into the cache.</summary>
    public void Prefetch(ReadOnlySpan<byte> from)
    {
        if (_root == null) return;
        Step* path = stackalloc Step[DepthMax];
        Descend(from, path);
    }

    /// <summary>Adds up to <paramref name="max"/> keys that begin with a prefix to a list, in order.</summary>
    /// <param name="from">The least key of interest.</param>
    /// <param name="inclusive">Whether that key itself is of interest.</param>
    /// <param name="prefix">What they begin with.</param>
    /// <param name="max">How many, at the most.</param>
    /// <param name="keys">Gets copies.</param>
    public void CopyTo(ReadOnlySpan<byte> from, bool inclusive, ReadOnlySpan<byte> prefix, int max, KeyList keys)
    {
        if (_root == null) return;
        Step* path = stackalloc Step[DepthMax];
        OrderedNode leaf = new(path[Descend(from, path)].Node);
        int at = leaf.LowerBound(from);
        if (!inclusive && at < leaf.Count && leaf.KeyAt(at).SequenceEqual(from)) at++;
        if (leaf.Count - at < max && leaf.Next.Exists) leaf.Next.Prefetch();

        while (max > 0 && leaf.Exists)
        {
            for (; at < leaf.Count && max > 0; at++, max--)
            {
                ReadOnlySpan<byte> key = leaf.KeyAt(at);
                if (!key.StartsWith(prefix)) return;
                keys.Add(key);
            }
            leaf = leaf.Next;
            at = 0;
        }
    }

    /// <summary>The same from the greatest key on that is less than <paramref name="before"/>, in the reverse order.</summary>
    public void CopyBackTo(ReadOnlySpan<byte> before, ReadOnlySpan<byte> prefix, int max, KeyList keys)
    {
        if (_root == null) return;
        Step* path = stackalloc Step[DepthMax];
        OrderedNode leaf = new(path[Descend(before, path)].Node);
        int at = leaf.LowerBound(before) - 1;
        if (at + 1 < max && leaf.Previous.Exists) leaf.Previous.Prefetch();

        while (max > 0)
        {
            for (; at >= 0 && max > 0; at--, max--)
            {
                ReadOnlySpan<byte> key = leaf.KeyAt(at);
                if (!key.StartsWith(prefix)) return;
                keys.Add(key);
            }
            leaf = leaf.Previous;
            if (!leaf.Exists) return;
            at = leaf.Count - 1;
        }
    }

    /// <summary>Gives all memory back.</summary>
    public void Clear()
    {
        if (_root != null) Free(new OrderedNode(_root));
        _root = _last = null;
    }

    private void Free(OrderedNode node)
    {
        if (!node.IsLeaf)
            for (int i = -1; i < node.Count; i++) Free(node.Child(i));
        node.Free(heap);
    }

    /// <summary>The way from the root to the leaf where a key is or would be.</summary>
    /// <returns>The place of the leaf in <paramref name="path"/>.</returns>
    private int Descend(ReadOnlySpan<byte> key, Step* path)
    {
        int depth = 0;
        OrderedNode node = new(_root);
        while (!node.IsLeaf)
        {
            if (depth == DepthMax - 1) Environment.FailFast("The ordered keys are deeper than they can be: memory is damaged.");
            int child = node.UpperBound(key) - 1;
            path[depth++] = new Step { Node = node.Block, Child = child };
            node = node.Child(child);
            node.Prefetch();
        }
        path[depth] = new Step { Node = node.Block };
        return depth;
    }

    private OrderedNode SplitLeaf(OrderedNode leaf, int at, ReadOnlySpan<byte> key)
    {
        OrderedNode right = OrderedNode.Create(heap, isLeaf: true);
        right.LinkAfter(leaf);
        bool inOrder = at == leaf.Count && !right.Next.Exists;
        int middle = inOrder ? leaf.Count : leaf.Middle();
        leaf.MoveTo(right, middle);

        bool added = at < middle ? leaf.TryInsert(heap, at, key, null) : right.TryInsert(heap, at - middle, key, null);
        Debug.Assert(added, "half a node has room for a key");
        return right;
    }

    /// <summary>Makes a new node known: the one to the right of the one at <paramref name="depth"/>.</summary>
    private void AddToParent(Step* path, int depth, OrderedNode right, ReadOnlySpan<byte> separator)
    {
        if (depth == 0)
        {
            OrderedNode root = OrderedNode.Create(heap, isLeaf: false);
            root.SetFirstChild(_root);
            root.TryInsert(heap, 0, separator, right.Block);
            _root = root.Block;
            return;
        }

        OrderedNode parent = new(path[depth - 1].Node);
        int at = path[depth - 1].Child + 1;
        if (parent.TryInsert(heap, at, separator, right.Block)) return;

        // The separator in the middle goes up; what is right of it goes into a new node.
        int middle = parent.Middle();
        OrderedNode uncle = OrderedNode.Create(heap, isLeaf: false);
        byte[] up = parent.KeyAt(middle).ToArray();
        uncle.SetFirstChild(parent.Child(middle).Block);
        parent.MoveTo(uncle, middle + 1);
        parent.RemoveAt(heap, middle);

        bool added = at <= middle
            ? parent.TryInsert(heap, at, separator, right.Block)
            : uncle.TryInsert(heap, at - middle - 1, separator, right.Block);
        Debug.Assert(added, "half a node has room for a separator");
        AddToParent(path, depth - 1, uncle, up);
    }

    /// <summary>Frees the node at <paramref name="depth"/>, which is empty, and those above it that become so.</summary>
    private void RemoveFromParent(Step* path, int depth)
    {
        new OrderedNode(path[depth].Node).Free(heap);
        if (depth == 0)
        {
            _root = null;
            return;
        }

        OrderedNode parent = new(path[depth - 1].Node);
        int child = path[depth - 1].Child;
        if (child >= 0) parent.RemoveAt(heap, child);
        else if (parent.Count > 0)
        {
            parent.SetFirstChild(parent.Child(0).Block);
            parent.RemoveAt(heap, 0);
        }
        else
        {
            RemoveFromParent(path, depth - 1);
            return;
        }

        // A root with one child is one too many.
        for (OrderedNode root = new(_root); !root.IsLeaf && root.Count == 0; root = new(_root))
        {
            _root = root.Child(-1).Block;
            root.Free(heap);
        }
    }

    /// <summary>The shortest beginning of <paramref name="right"/> that is greater than <paramref name="left"/>.</summary>
    private static ReadOnlySpan<byte> Separator(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right) =>
        right[..(left.CommonPrefixLength(right) + 1)];

    private struct Step
    {
        public byte* Node;
        public int Child;
    }
}

/// <summary>A node of <see cref="OrderedKeys"/> in its block: what its bytes mean.</summary>
/// <remarks><code>
///   0       2            4         6         8        16         24
///   +-------+------------+---------+---------+--------+----------+---------------------+ - - - +----------------+
///   | count | cells from | garbage | is leaf | next   | previous | offsets of cells    | free  | cells          |
///   | u16   | u16        | u16     | u16     | pointer| pointer  | u16 each, in order  |       | down from end  |
///   +-------+------------+---------+---------+--------+----------+---------------------+ - - - +----------------+
/// </code>
/// In an inner node <c>next</c> is the child before the first separator. A cell is: in an inner node the child, 8 bytes;
/// the key's length, u16; the key. For a key that is longer than <see cref="InlineBytesMax"/> the length is
/// <see cref="Outside"/>, and in the key's place are its length, int32, and the address of a block with it.
/// </remarks>
internal readonly unsafe struct OrderedNode(byte* block)
{
    /// <summary>Eight nodes fill a slab.</summary>
    private const int NodeBytes = 1_984;

    /// <summary>Longer keys lie outside, so that a full node has at least 14 children.</summary>
    private const int InlineBytesMax = 120;
    private const ushort Outside = ushort.MaxValue;
    private const int OutsideBytes = sizeof(int) + sizeof(long);
    private const int CellsFromOffset = 2;
    private const int GarbageOffset = 4;
    private const int IsLeafOffset = 6;
    private const int NextOffset = 8;
    private const int PreviousOffset = 16;
    private const int SlotsOffset = 24;

    public byte* Block => block;

    public bool Exists => block != null;

    public int Count
    {
        get => *(ushort*)block;
        private set => *(ushort*)block = (ushort)value;
    }

    public bool IsLeaf => *(ushort*)(block + IsLeafOffset) != 0;

    public OrderedNode Next => new(*(byte**)(block + NextOffset));

    public OrderedNode Previous => new(*(byte**)(block + PreviousOffset));

    private int CellsFrom
    {
        get => *(ushort*)(block + CellsFromOffset);
        set => *(ushort*)(block + CellsFromOffset) = (ushort)value;
    }

    private int Garbage
    {
        get => *(ushort*)(block + GarbageOffset);
        set => *(ushort*)(block + GarbageOffset) = (ushort)value;
    }

    private ushort* Slots => (ushort*)(block + SlotsOffset);

    private int ChildBytes => IsLeaf ? 0 : sizeof(long);

    /// <inheritdoc cref="OrderedKeys.BytesPerKey"/>
    public static int BytesPerKey(int keyBytes) => keyBytes <= InlineBytesMax
        ? 2 * (sizeof(ushort) + sizeof(ushort) + keyBytes)
        : 2 * (sizeof(ushort) + sizeof(ushort) + OutsideBytes) + NativeHeap.RealBytes(keyBytes);

    public static OrderedNode Create(NativeHeap heap, bool isLeaf)
    {
        byte* block = heap.Allocate(NodeBytes);
        new Span<byte>(block, SlotsOffset).Clear();
        *(ushort*)(block + IsLeafOffset) = isLeaf ? (ushort)1 : (ushort)0;
        return new OrderedNode(block) { CellsFrom = NodeBytes };
    }

    /// <summary>Frees the node and the keys that lie outside it.</summary>
    public void Free(NativeHeap heap)
    {
        for (int i = 0; i < Count; i++) FreeOutside(heap, i);
        heap.Free(block, NodeBytes);
    }

    public ReadOnlySpan<byte> KeyAt(int index)
    {
        byte* cell = block + Slots[index] + ChildBytes;
        ushort length = *(ushort*)cell;
        cell += sizeof(ushort);
        return length == Outside ? new(*(byte**)(cell + sizeof(int)), *(int*)cell) : new(cell, length);
    }

    /// <summary>The child to the right of a separator; of -1 for the one before the first.</summary>
    public OrderedNode Child(int separator) => separator < 0 ? Next : new(*(byte**)(block + Slots[separator]));

    public void SetFirstChild(byte* child) => *(byte**)(block + NextOffset) = child;

    /// <summary>
    /// Has the whole node loaded into the cache: a search would wait for one line after the other.
    /// </summary>
    public void Prefetch()
    {
        if (!Sse.IsSupported) return;
        for (int offset = 0; offset < NodeBytes; offset += 64) Sse.Prefetch0(block + offset);
    }

    /// <summary>The first key that is not less.</summary>
    public int LowerBound(ReadOnlySpan<byte> key)
    {
        int low = 0, high = Count;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (KeyAt(middle).SequenceCompareTo(key) < 0) low = middle + 1;
            else high = middle;
        }
        return low;
    }

    /// <summary>The first key that is greater.</summary>
    public int UpperBound(ReadOnlySpan<byte> key)
    {
        int low = 0, high = Count;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (KeyAt(middle).SequenceCompareTo(key) <= 0) low = middle + 1;
            else high = middle;
        }
        return low;
    }

    /// <summary>The first key of the second half, by bytes; neither half is empty.</summary>
    public int Middle()
    {
        int bytes = 0, half = (NodeBytes - CellsFrom - Garbage) / 2;
        for (int i = 0; i < Count - 1; i++)
        {
            bytes += CellBytesAt(i);
            if (bytes >= half) return Math.Max(1, i);
        }
        return Count - 1;
    }

    /// <summary>Inserts a key, and in an inner node the child to the right of it. False where it is full.</summary>
    public bool TryInsert(NativeHeap heap, int at, ReadOnlySpan<byte> key, byte* child)
    {
        int bytes = CellBytes(key.Length, IsLeaf);
        if (RoomWithGarbage < bytes + sizeof(ushort)) return false;
        if (RoomWithGarbage - Garbage < bytes + sizeof(ushort)) Compact();

        byte* cell = NewCell(at, bytes);
        if (!IsLeaf)
        {
            *(byte**)cell = child;
            cell += sizeof(long);
        }
        if (key.Length <= InlineBytesMax)
        {
            *(ushort*)cell = (ushort)key.Length;
            key.CopyTo(new Span<byte>(cell + sizeof(ushort), key.Length));
        }
        else
        {
            byte* outside = heap.Allocate(key.Length);
            key.CopyTo(new Span<byte>(outside, key.Length));
            *(ushort*)cell = Outside;
            *(int*)(cell + sizeof(ushort)) = key.Length;
            *(byte**)(cell + sizeof(ushort) + sizeof(int)) = outside;
        }
        return true;
    }

    public void RemoveAt(NativeHeap heap, int index)
    {
        FreeOutside(heap, index);
        Garbage += CellBytesAt(index);
        Count--;
        new Span<ushort>(Slots + index + 1, Count - index).CopyTo(new Span<ushort>(Slots + index, Count - index));
    }

    /// <summary>Moves the cells from <paramref name="from"/> on to the end of another node; keys outside go along.</summary>
    public void MoveTo(OrderedNode to, int from)
    {
        for (int i = from; i < Count; i++)
        {
            int bytes = CellBytesAt(i);
            new Span<byte>(block + Slots[i], bytes).CopyTo(new Span<byte>(to.NewCell(to.Count, bytes), bytes));
            Garbage += bytes;
        }
        Count = from;
    }

    public void LinkAfter(OrderedNode left)
    {
        byte* next = left.Next.Block;
        *(byte**)(block + NextOffset) = next;
        *(byte**)(block + PreviousOffset) = left.Block;
        *(byte**)(left.Block + NextOffset) = block;
        if (next != null) *(byte**)(next + PreviousOffset) = block;
    }

    public void UnlinkLeaf()
    {
        byte* next = Next.Block;
        byte* previous = Previous.Block;
        if (previous != null) *(byte**)(previous + NextOffset) = next;
        if (next != null) *(byte**)(next + PreviousOffset) = previous;
    }

    private int RoomWithGarbage => CellsFrom - SlotsOffset - Count * sizeof(ushort) + Garbage;

    private static int CellBytes(int keyBytes, bool isLeaf) =>
        (isLeaf ? 0 : sizeof(long)) + sizeof(ushort) + (keyBytes <= InlineBytesMax ? keyBytes : OutsideBytes);

    private int CellBytesAt(int index)
    {
        ushort length = *(ushort*)(block + Slots[index] + ChildBytes);
        return ChildBytes + sizeof(ushort) + (length == Outside ? OutsideBytes : length);
    }

    private byte* NewCell(int at, int bytes)
    {
        new Span<ushort>(Slots + at, Count - at).CopyTo(new Span<ushort>(Slots + at + 1, Count - at));
        CellsFrom -= bytes;
        Slots[at] = (ushort)CellsFrom;
        Count++;
        return block + CellsFrom;
    }

    /// <summary>Moves all cells to the end, so that what is free is in one piece.</summary>
    private void Compact()
    {
        byte* copy = stackalloc byte[NodeBytes];
        new Span<byte>(block, NodeBytes).CopyTo(new Span<byte>(copy, NodeBytes));
        int count = Count;
        Count = 0;
        Garbage = 0;
        CellsFrom = NodeBytes;
        new OrderedNode(copy).MoveTo(this, 0);
        Debug.Assert(Count == count, "a cell got lost");
    }

    private void FreeOutside(NativeHeap heap, int index)
    {
        byte* cell = block + Slots[index] + ChildBytes;
        if (*(ushort*)cell == Outside) heap.Free(*(byte**)(cell + sizeof(ushort) + sizeof(int)), *(int*)(cell + sizeof(ushort)));
    }
}
