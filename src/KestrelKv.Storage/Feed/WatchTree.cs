namespace KestrelKv.Storage.Feed;

/// <summary>The live watches in a radix tree of their prefixes. Protected by the feed's lock.</summary>
/// <remarks>
/// A look-up follows the key down the tree, and finds the watches of each prefix of the key. Its cost depends on the length of the key
/// and on the number of matching prefixes, not on the number of others. Invariant: every node except the root has watches or at least
/// two children.
/// </remarks>
internal sealed class WatchTree
{
    private readonly Node _root = new([]);

    public int Count { get; private set; }

    public void Add(FeedWatch watch)
    {
        Node node = _root;
        ReadOnlySpan<byte> rest = watch.Prefix;
        while (!rest.IsEmpty)
        {
            if (node.Child(rest[0]) is not { } child)
            {
                node.Children.Add(rest[0], child = new Node(rest.ToArray()));
                rest = default;
            }
            else
            {
                int common = rest.CommonPrefixLength(child.Edge);
                if (common < child.Edge.Length) child = Split(node, child, common);
                rest = rest[common..];
            }
            node = child;
        }
        watch.Place = node.Watches.Count;
        node.Watches.Add(watch);
        Count++;
    }

    /// <summary>Removes a watch, which must be in the tree.</summary>
    public void Remove(FeedWatch watch)
    {
        Node? grandparent = null, parent = null;
        Node node = _root;
        for (ReadOnlySpan<byte> rest = watch.Prefix; !rest.IsEmpty; rest = rest[node.Edge.Length..])
            (grandparent, parent, node) = (parent, node, node.Child(rest[0])!);

        node.Watches[watch.Place] = node.Watches[^1];
        node.Watches[watch.Place].Place = watch.Place;
        node.Watches.RemoveAt(node.Watches.Count - 1);
        Count--;
        if (parent is null || node.Watches.Count > 0) return;
        if (node.Children.Count == 0) parent.Children.Remove(node.Edge[0]);
        else Merge(parent, node);
        if (grandparent is not null && parent.Watches.Count == 0) Merge(grandparent, parent);
    }

    public void CopyTo(List<FeedWatch> all) => CopyTo(_root, all);

    /// <summary>Returns the watches whose prefixes the key begins with, prefix by prefix.</summary>
    public Matches Matching(ReadOnlySpan<byte> key) => new(_root, key);

    private static void CopyTo(Node node, List<FeedWatch> all)
    {
        all.AddRange(node.Watches);
        foreach (Node child in node.Children.Values) CopyTo(child, all);
    }

    /// <summary>Inserts a node for the first bytes of an edge between two nodes.</summary>
    private static Node Split(Node parent, Node child, int bytes)
    {
        var upper = new Node(child.Edge[..bytes]);
        byte[] lower = child.Edge[bytes..];
        upper.Children.Add(lower[0], child);

        // Memory may run out before this line. Nothing has changed then.
        child.Edge = lower;
        parent.Children[upper.Edge[0]] = upper;
        return upper;
    }

    /// <summary>Replaces a node without watches by its only child.</summary>
    private static void Merge(Node parent, Node node)
    {
        if (node.Children.Count != 1) return;
        Node child = node.Children.Values.First();
        child.Edge = [.. node.Edge, .. child.Edge];
        parent.Children[child.Edge[0]] = child;
    }

    /// <summary>A prefix: the bytes after the parent's prefix, and the watches with this prefix.</summary>
    internal sealed class Node(byte[] edge)
    {
        public byte[] Edge { get; set; } = edge;

        public List<FeedWatch> Watches { get; } = [];

        public Dictionary<byte, Node> Children { get; } = [];

        public Node? Child(byte first) => Children.GetValueOrDefault(first);
    }

    public ref struct Matches(Node root, ReadOnlySpan<byte> key)
    {
        private ReadOnlySpan<byte> _rest = key;
        private Node? _next = root;

        public List<FeedWatch> Current { get; private set; } = [];

        public readonly Matches GetEnumerator() => this;

        public bool MoveNext()
        {
            if (_next is null) return false;
            Current = _next.Watches;
            Node? child = _rest.IsEmpty ? null : _next.Child(_rest[0]);
            _next = child is not null && _rest.StartsWith(child.Edge) ? child : null;
            if (_next is not null) _rest = _rest[_next.Edge.Length..];
            return true;
        }
    }
}
