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

    /// <summary>Nodes for a split that is under way; empty otherwise.</summary>
    private readonly Stack<nint> _spares = new();

    /// <summary>Adds a key that is not there.</summary>
    /// <exception cref="OutOfMemoryException">Nothing has changed.</exception>
    public void Add(ReadOnlySpan<byte> key)
    {
        if (_root == null) _root = OrderedNode.Initialize(heap.Allocate(OrderedNode.NodeBytes), isLeaf: true).Block;
        Step* path = stackalloc Step[DepthMax];
        int depth = Descend(key, path);
        OrderedNode leaf = new(path[depth].Node);
        int at = leaf.LowerBound(key);
        Debug.Assert(at == leaf.Count || !leaf.KeyAt(at).SequenceEqual(key), "the key is there already");

        if (leaf.HasRoomFor(key.Length))
        {
            leaf.Insert(at, StoredKey.Store(heap, key), null);
            return;
        }
        int middle = at == leaf.Count && !leaf.Next.Exists ? at : leaf.Middle();
        ReadOnlySpan<byte> separator = Separator(leaf.KeyAt(middle - 1), at == middle ? key : leaf.KeyAt(middle));
        StoredKey storedKey = StoreForSplit(path, depth, key, separator, stackalloc byte[OrderedNode.InlineBytesMax], out StoredKey storedSeparator);
        OrderedNode right = SplitLeaf(leaf, middle, at, storedKey);
        AddToParent(path, depth, right, storedSeparator);
        FreeSpares();
    }

    /// <summary>Adds a key that is not there and is, if keys come in order, greater than all: then it is found where to.</summary>
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

    /// <summary>Obtains all memory that a split needs: nodes, and blocks for a key and a separator that lie outside them.</summary>
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
                // A copy: the cells that it is taken from move.
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

    /// <summary>How many nodes a split of a leaf may need: one for each full node on the way to the root, and a new root.</summary>
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

        // The separator in the middle moves up; the separators right of it move into a new node.
        int middle = parent.Middle();
        OrderedNode uncle = NewNode(isLeaf: false);
        Span<byte> buffer = stackalloc byte[OrderedNode.InlineBytesMax];
        StoredKey moved = parent.StoredAt(middle);
        StoredKey up = moved.IsInline ? new(CopyOf(moved.Text, buffer), null) : moved;
        uncle.SetFirstChild(parent.Child(middle).Block);
        parent.MoveTo(uncle, middle + 1);
        parent.RemoveCell(middle);
        if (at <= middle) parent.Insert(at, separator, right.Block);
        else uncle.Insert(at - middle - 1, separator, right.Block);
        AddToParent(path, depth - 1, uncle, up);
    }

    private static ReadOnlySpan<byte> CopyOf(ReadOnlySpan<byte> text, Span<byte> buffer)
    {
        text.CopyTo(buffer);
        return buffer[..text.Length];
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
    public const int NodeBytes = 1_984;

    /// <summary>Longer keys lie outside, so that a full node has at least 14 children.</summary>
    public const int InlineBytesMax = 120;
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

    /// <summary>Makes an empty node of a block of <see cref="NodeBytes"/>.</summary>
    public static OrderedNode Initialize(byte* block, bool isLeaf)
    {
        new Span<byte>(block, SlotsOffset).Clear();
        *(ushort*)(block + IsLeafOffset) = isLeaf ? (ushort)1 : (ushort)0;
        return new OrderedNode(block) { CellsFrom = NodeBytes };
    }

    /// <summary>Frees the node and the keys that lie outside it.</summary>
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

    /// <summary>Whether there is room for a key, and in an inner node for a child.</summary>
    public bool HasRoomFor(int keyBytes) => RoomWithGarbage >= CellBytes(keyBytes, IsLeaf) + sizeof(ushort);

    /// <summary>Inserts a key, for which there is room, and in an inner node the child to the right of it.</summary>
    public void Insert(int at, StoredKey key, byte* child)
    {
        int bytes = CellBytes(key.Text.Length, IsLeaf);
        Debug.Assert(HasRoomFor(key.Text.Length), "half a node has room for any key");
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
            *(ushort*)cell = Outside;
            *(int*)(cell + sizeof(ushort)) = key.Text.Length;
            *(byte**)(cell + sizeof(ushort) + sizeof(int)) = key.Block;
        }
    }

    /// <summary>The key at a place, with its block if it lies outside.</summary>
    public StoredKey StoredAt(int index)
    {
        ReadOnlySpan<byte> key = KeyAt(index);
        return new(key, key.Length <= InlineBytesMax ? null : OutsideAt(index));
    }

    /// <summary>Removes a key and frees its block, if it has one.</summary>
    public void RemoveAt(NativeHeap heap, int index)
    {
        StoredAt(index).Free(heap);
        RemoveCell(index);
    }

    /// <summary>Removes a key, whose block is used elsewhere.</summary>
    public void RemoveCell(int index)
    {
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

    private byte* OutsideAt(int index) => *(byte**)(block + Slots[index] + ChildBytes + sizeof(ushort) + sizeof(int));
}

/// <summary>A key on its way into or between nodes: its text, and the block that has it if it lies outside nodes.</summary>
internal readonly unsafe ref struct StoredKey(ReadOnlySpan<byte> text, byte* block)
{
    public ReadOnlySpan<byte> Text { get; } = text;

    /// <summary>Owned by the node that the key is inserted into; null if the key lies in the node itself.</summary>
    public byte* Block => block;

    public bool IsInline => block == null;

    /// <summary>Copies a long key into a block of its own.</summary>
    /// <exception cref="OutOfMemoryException">Nothing has changed.</exception>
    public static StoredKey Store(NativeHeap heap, ReadOnlySpan<byte> key)
    {
        if (key.Length <= OrderedNode.InlineBytesMax) return new(key, null);
        byte* outside = heap.Allocate(key.Length);
        key.CopyTo(new Span<byte>(outside, key.Length));
        return new(new(outside, key.Length), outside);
    }

    /// <summary>Frees the block, if there is one.</summary>
    public void Free(NativeHeap heap)
    {
        if (block != null) heap.Free(block, Text.Length);
    }
}
