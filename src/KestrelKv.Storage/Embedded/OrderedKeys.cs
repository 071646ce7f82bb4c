using System.Diagnostics;
using System.Runtime.Intrinsics.X86;

namespace KestrelKv.Storage.Embedded;

/// <summary>The keys of a shard in lexicographic byte order: a B+tree of keys alone. Overwrites of entries do not change it.</summary>
/// <remarks>
/// <para>
/// A node is a slotted page (<see cref="OrderedNode"/>). Leaves hold keys and are linked with their neighbours. Inner nodes hold
/// separators, each with the child to its right. A separator is the shortest prefix that is greater than the keys to its left and not
/// greater than those to its right. A full node is split in the middle, or at its end if keys arrive in order. A leaf is removed only
/// when it is empty, which costs little space and avoids merges (Johnson and Shasha, "B-trees with inserts and deletes: why
/// free-at-empty is better than merge-at-half", 1993).
/// </para>
/// <para>
/// <b>Memory and locks.</b> The tree has its own copies of keys. It owns its nodes and the overflow blocks of long keys, all from the
/// shard's heap. <see cref="Remove"/> and <see cref="Clear"/> free them. All members require the shard's lock.
/// </para>
/// </remarks>
internal sealed unsafe class OrderedKeys(NativeHeap heap)
{
    /// <summary>
    /// Exceeds the depth of any tree: a split leaves at least two children, so a path of this length would require 2^60 keys.
    /// </summary>
    private const int DepthMax = 64;

    private byte* _root;

    /// <summary>The last leaf, if <see cref="Append"/> has found it; otherwise null.</summary>
    private byte* _last;

    /// <summary>The nodes for a split in progress; otherwise empty.</summary>
    private readonly Stack<nint> _spares = new();

    /// <summary>Adds a key, which must not be in the tree.</summary>
    /// <exception cref="OutOfMemoryException">No key has been added.</exception>
    public void Add(ReadOnlySpan<byte> key)
    {
        if (_root == null) _root = OrderedNode.Initialize(heap.Allocate(OrderedNode.NodeBytes), isLeaf: true).Block;
        Step* path = stackalloc Step[DepthMax];
        int depth = Descend(key, path);
        OrderedNode leaf = new(path[depth].Node);
        int at = leaf.LowerBound(key);
        Debug.Assert(at == leaf.Count || !leaf.KeyAt(at).SequenceEqual(key), "the key is already in the tree");

        if (leaf.HasRoomFor(key.Length))
        {
            leaf.Insert(at, StoredKey.Store(heap, key), null);
            return;
        }
        int middle = at == leaf.Count && !leaf.Next.Exists ? at : leaf.Middle();
        ReadOnlySpan<byte> separator = Separator(leaf.KeyAt(middle - 1), at == middle ? key : leaf.KeyAt(middle));
        Span<byte> buffer = stackalloc byte[OrderedNode.InlineBytesMax];
        StoredKey storedKey = StoreForSplit(path, depth, key, separator, buffer, out StoredKey storedSeparator);
        OrderedNode right = SplitLeaf(leaf, middle, at, storedKey);
        AddToParent(path, depth, right, storedSeparator);
        FreeSpares();
    }

    /// <summary>Adds a key, which must not be in the tree. Faster than <see cref="Add"/> if the key is greater than all others.</summary>
    public void Append(ReadOnlySpan<byte> key)
    {
        OrderedNode last = new(_last);
        if (last.Exists && !last.Next.Exists && last.HasRoomFor(key.Length) && last.KeyAt(last.Count - 1).SequenceCompareTo(key) < 0)
        {
            last.Insert(last.Count, StoredKey.Store(heap, key), null);
            return;
        }

        Add(key);
        for (last = new(_root); !last.IsLeaf;) last = last.Child(last.Count - 1);
        _last = last.Block;
    }

    /// <summary>Removes a key, which must be in the tree.</summary>
    public void Remove(ReadOnlySpan<byte> key)
    {
        Step* path = stackalloc Step[DepthMax];
        int depth = Descend(key, path);
        OrderedNode leaf = new(path[depth].Node);
        int at = leaf.LowerBound(key);
        Debug.Assert(at < leaf.Count && leaf.KeyAt(at).SequenceEqual(key), "the key is not in the tree");

        leaf.RemoveAt(heap, at);
        if (leaf.Count > 0) return;
        if (leaf.Block == _last) _last = null;
        leaf.UnlinkLeaf();
        RemoveFromParent(path, depth);
    }

    /// <summary>Returns the memory of a key in half-full nodes, in bytes.</summary>
    public static int BytesPerKey(int keyBytes) => OrderedNode.BytesPerKey(keyBytes);

    public void Prefetch(ReadOnlySpan<byte> from)
    {
        if (_root == null) return;
        Step* path = stackalloc Step[DepthMax];
        Descend(from, path);
    }

    /// <summary>Copies up to <paramref name="max"/> keys with a prefix to a list, in ascending order.</summary>
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

    /// <summary>
    /// Copies up to <paramref name="max"/> keys with a prefix that are less than <paramref name="before"/>, in descending order.
    /// </summary>
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

    /// <summary>Finds the path from the root to the leaf that has a key or would have it. Returns the leaf's index in the path.</summary>
    private int Descend(ReadOnlySpan<byte> key, Step* path)
    {
        int depth = 0;
        OrderedNode node = new(_root);
        while (!node.IsLeaf)
        {
            if (depth == DepthMax - 1) Environment.FailFast("The depth of the ordered keys exceeds its maximum: memory is corrupted.");
            int child = node.UpperBound(key) - 1;
            path[depth++] = new Step { Node = node.Block, Child = child };
            node = node.Child(child);
            node.Prefetch();
        }
        path[depth] = new Step { Node = node.Block };
        return depth;
    }

    /// <summary>Allocates all memory for a split: nodes, and overflow blocks for the key and the separator.</summary>
    /// <exception cref="OutOfMemoryException">Nothing has changed.</exception>
    private StoredKey StoreForSplit(
        Step* path, int depth, ReadOnlySpan<byte> key, ReadOnlySpan<byte> separator, Span<byte> buffer, out StoredKey storedSeparator)
    {
        int nodes = NodesForSplit(path, depth);
        try
        {
            while (_spares.Count < nodes) _spares.Push((nint)heap.Allocate(OrderedNode.NodeBytes));
            StoredKey stored = StoredKey.Store(heap, key);
            try
            {
                // Copy the separator: it refers to cells that move.
                storedSeparator = StoredKey.Store(heap, separator);
                if (storedSeparator.IsInline) storedSeparator = new(CopyOf(separator, buffer), null);
                return stored;
            }
            catch (OutOfMemoryException)
            {
                stored.Free(heap);
                throw;
            }
        }
        catch (OutOfMemoryException)
        {
            FreeSpares();
            throw;
        }
    }

    private void FreeSpares()
    {
        while (_spares.TryPop(out nint spare)) heap.Free((byte*)spare, OrderedNode.NodeBytes);
    }

    /// <summary>
    /// Returns the maximum number of nodes for a split of a leaf: one for the leaf and each full node above it, and a new root.
    /// </summary>
    private static int NodesForSplit(Step* path, int depth)
    {
        int nodes = 1;
        for (int i = depth - 1; i >= 0; i--, nodes++)
            if (new OrderedNode(path[i].Node).HasRoomFor(OrderedNode.InlineBytesMax)) return nodes;
        return nodes + 1;
    }

    private OrderedNode NewNode(bool isLeaf) => OrderedNode.Initialize((byte*)_spares.Pop(), isLeaf);

    private OrderedNode SplitLeaf(OrderedNode leaf, int middle, int at, StoredKey key)
    {
        OrderedNode right = NewNode(isLeaf: true);
        right.LinkAfter(leaf);
        leaf.MoveTo(right, middle);
        if (at < middle) leaf.Insert(at, key, null);
        else right.Insert(at - middle, key, null);
        return right;
    }

    /// <summary>Adds a new node to the parent of the node at <paramref name="depth"/>, to the right of that node.</summary>
    private void AddToParent(Step* path, int depth, OrderedNode right, scoped StoredKey separator)
    {
        if (depth == 0)
        {
            OrderedNode root = NewNode(isLeaf: false);
            root.SetFirstChild(_root);
            root.Insert(0, separator, right.Block);
            _root = root.Block;
            return;
        }

        OrderedNode parent = new(path[depth - 1].Node);
        int at = path[depth - 1].Child + 1;
        if (parent.HasRoomFor(separator.Text.Length))
        {
            parent.Insert(at, separator, right.Block);
            return;
        }

        // The middle separator moves up. Those to its right move into a new node.
        int middle = parent.Middle();
        OrderedNode sibling = NewNode(isLeaf: false);
        Span<byte> buffer = stackalloc byte[OrderedNode.InlineBytesMax];
        StoredKey moved = parent.StoredAt(middle);
        StoredKey up = moved.IsInline ? new(CopyOf(moved.Text, buffer), null) : moved;
        sibling.SetFirstChild(parent.Child(middle).Block);
        parent.MoveTo(sibling, middle + 1);
        parent.RemoveCell(middle);
        if (at <= middle) parent.Insert(at, separator, right.Block);
        else sibling.Insert(at - middle - 1, separator, right.Block);
        AddToParent(path, depth - 1, sibling, up);
    }

    private static ReadOnlySpan<byte> CopyOf(ReadOnlySpan<byte> text, Span<byte> buffer)
    {
        text.CopyTo(buffer);
        return buffer[..text.Length];
    }

    /// <summary>Frees the empty node at <paramref name="depth"/>, and the nodes above it that become empty.</summary>
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

        // Remove each root that has only one child.
        for (OrderedNode root = new(_root); !root.IsLeaf && root.Count == 0; root = new(_root))
        {
            _root = root.Child(-1).Block;
            root.Free(heap);
        }
    }

    /// <summary>Returns the shortest prefix of <paramref name="right"/> that is greater than <paramref name="left"/>.</summary>
    private static ReadOnlySpan<byte> Separator(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right) =>
        right[..(left.CommonPrefixLength(right) + 1)];

    private struct Step
    {
        public byte* Node;
        public int Child;
    }
}

/// <summary>A view of a node of <see cref="OrderedKeys"/> in its block.</summary>
/// <remarks><code>
///   0       2            4         6         8        16         24
///   +-------+------------+---------+---------+--------+----------+---------------------+ - - - +----------------+
///   | count | cells from | garbage | is leaf | next   | previous | offsets of cells    | free  | cells          |
///   | u16   | u16        | u16     | u16     | pointer| pointer  | u16 each, in order  |       | down from end  |
///   +-------+------------+---------+---------+--------+----------+---------------------+ - - - +----------------+
/// </code>
/// In an inner node, <c>next</c> is the child before the first separator. A cell has, in an inner node, the child's address, 8 bytes;
/// then the length of the key, u16; then the key. A key longer than <see cref="InlineBytesMax"/> is in an overflow block. Its length field
/// is <see cref="Overflow"/>, followed by its actual length, int32, and the address of the block. Cells are not aligned. The node owns
/// its overflow blocks.
/// </remarks>
internal readonly unsafe struct OrderedNode(byte* block)
{
    /// <summary>The size of a node in bytes. Eight nodes fill a slab.</summary>
    public const int NodeBytes = 1_984;

    /// <summary>The maximum length of a key inside a node, in bytes. With it, a full inner node has at least 14 children.</summary>
    public const int InlineBytesMax = 120;
    private const ushort Overflow = ushort.MaxValue;
    private const int OverflowBytes = sizeof(int) + sizeof(long);
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
        : 2 * (sizeof(ushort) + sizeof(ushort) + OverflowBytes) + NativeHeap.AllocationBytes(keyBytes);

    public static OrderedNode Initialize(byte* block, bool isLeaf)
    {
        new Span<byte>(block, SlotsOffset).Clear();
        *(ushort*)(block + IsLeafOffset) = isLeaf ? (ushort)1 : (ushort)0;
        return new OrderedNode(block) { CellsFrom = NodeBytes };
    }

    public void Free(NativeHeap heap)
    {
        for (int i = 0; i < Count; i++) StoredAt(i).Free(heap);
        heap.Free(block, NodeBytes);
    }

    public ReadOnlySpan<byte> KeyAt(int index)
    {
        byte* cell = block + Slots[index] + ChildBytes;
        ushort length = *(ushort*)cell;
        cell += sizeof(ushort);
        return length == Overflow ? new(*(byte**)(cell + sizeof(int)), *(int*)cell) : new(cell, length);
    }

    /// <summary>Returns the child to the right of a separator, or for -1, the child before the first.</summary>
    public OrderedNode Child(int separator) => separator < 0 ? Next : new(*(byte**)(block + Slots[separator]));

    public void SetFirstChild(byte* child) => *(byte**)(block + NextOffset) = child;

    /// <summary>Prefetches the whole node. A search would otherwise wait for one cache line after another.</summary>
    public void Prefetch()
    {
        if (!Sse.IsSupported) return;
        for (int offset = 0; offset < NodeBytes; offset += 64) Sse.Prefetch0(block + offset);
    }

    /// <summary>Returns the index of the first key that is not less.</summary>
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

    /// <summary>Returns the index of the first key that is greater.</summary>
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

    /// <summary>Returns the index of the first key of the second half, by bytes. Neither half is empty.</summary>
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

    public bool HasRoomFor(int keyBytes) => RoomWithGarbage >= CellBytes(keyBytes, IsLeaf) + sizeof(ushort);

    /// <summary>Inserts a key and, in an inner node, the child to its right. There must be room. The node takes the key's block.</summary>
    public void Insert(int at, StoredKey key, byte* child)
    {
        int bytes = CellBytes(key.Text.Length, IsLeaf);
        Debug.Assert(HasRoomFor(key.Text.Length), "a node has no room for the key");
        if (RoomWithGarbage - Garbage < bytes + sizeof(ushort)) Compact();

        byte* cell = NewCell(at, bytes);
        if (!IsLeaf)
        {
            *(byte**)cell = child;
            cell += sizeof(long);
        }
        if (key.IsInline)
        {
            *(ushort*)cell = (ushort)key.Text.Length;
            key.Text.CopyTo(new Span<byte>(cell + sizeof(ushort), key.Text.Length));
        }
        else
        {
            *(ushort*)cell = Overflow;
            *(int*)(cell + sizeof(ushort)) = key.Text.Length;
            *(byte**)(cell + sizeof(ushort) + sizeof(int)) = key.Block;
        }
    }

    public StoredKey StoredAt(int index)
    {
        ReadOnlySpan<byte> key = KeyAt(index);
        return new(key, key.Length <= InlineBytesMax ? null : OverflowBlockAt(index));
    }

    /// <summary>Removes a key and frees its overflow block, if any.</summary>
    public void RemoveAt(NativeHeap heap, int index)
    {
        StoredAt(index).Free(heap);
        RemoveCell(index);
    }

    /// <summary>Removes a key without freeing its overflow block. The caller takes ownership of the block.</summary>
    public void RemoveCell(int index)
    {
        Garbage += CellBytesAt(index);
        Count--;
        new Span<ushort>(Slots + index + 1, Count - index).CopyTo(new Span<ushort>(Slots + index, Count - index));
    }

    /// <summary>Moves the cells from an index on to the end of another node, which takes ownership of their overflow blocks.</summary>
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
        (isLeaf ? 0 : sizeof(long)) + sizeof(ushort) + (keyBytes <= InlineBytesMax ? keyBytes : OverflowBytes);

    private int CellBytesAt(int index)
    {
        ushort length = *(ushort*)(block + Slots[index] + ChildBytes);
        return ChildBytes + sizeof(ushort) + (length == Overflow ? OverflowBytes : length);
    }

    private byte* NewCell(int at, int bytes)
    {
        new Span<ushort>(Slots + at, Count - at).CopyTo(new Span<ushort>(Slots + at + 1, Count - at));
        CellsFrom -= bytes;
        Slots[at] = (ushort)CellsFrom;
        Count++;
        return block + CellsFrom;
    }

    /// <summary>Moves all cells to the end, so that the free space is contiguous.</summary>
    private void Compact()
    {
        byte* copy = stackalloc byte[NodeBytes];
        new Span<byte>(block, NodeBytes).CopyTo(new Span<byte>(copy, NodeBytes));
        int count = Count;
        Count = 0;
        Garbage = 0;
        CellsFrom = NodeBytes;
        new OrderedNode(copy).MoveTo(this, 0);
        Debug.Assert(Count == count, "a cell was lost");
    }

    private byte* OverflowBlockAt(int index) => *(byte**)(block + Slots[index] + ChildBytes + sizeof(ushort) + sizeof(int));
}

/// <summary>A key to insert into a node: its text, and its overflow block, if any.</summary>
internal readonly unsafe ref struct StoredKey(ReadOnlySpan<byte> text, byte* block)
{
    public ReadOnlySpan<byte> Text { get; } = text;

    /// <summary>The overflow block; null if the key fits inside a node. The node that the key is inserted into takes ownership.</summary>
    public byte* Block => block;

    public bool IsInline => block == null;

    /// <exception cref="OutOfMemoryException">Nothing has changed.</exception>
    public static StoredKey Store(NativeHeap heap, ReadOnlySpan<byte> key)
    {
        if (key.Length <= OrderedNode.InlineBytesMax) return new(key, null);
        byte* overflow = heap.Allocate(key.Length);
        key.CopyTo(new Span<byte>(overflow, key.Length));
        return new(new(overflow, key.Length), overflow);
    }

    public void Free(NativeHeap heap)
    {
        if (block != null) heap.Free(block, Text.Length);
    }
}
