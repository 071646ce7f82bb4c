using System.Globalization;
using System.Numerics;

namespace KestrelKv.Json.Tests;

/// <summary>Implements the RFCs literally, on trees.</summary>
internal static class TreeEdits
{
    public static string[] Tokens(string pointer) =>
        [.. pointer.Split('/').Skip(1).Select(t => t.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal))];

    public static Tree Find(Tree root, ReadOnlySpan<string> tokens)
    {
        foreach (string token in tokens)
        {
            if (root.Kind == '{') root = root.Members.GetValueOrDefault(token) ?? throw RefusedException.NoPath();
            else if (root.Kind == '[') root = root.Elements[Index(root, token, root.Elements.Count - 1)];
            else throw RefusedException.NoPath();
        }
        return root;
    }

    private static int Index(Tree array, string token, int max)
    {
        if (token == "-" && max == array.Elements.Count) return max;
        bool valid = token.Length > 0 && token.All(char.IsAsciiDigit) && (token == "0" || token[0] != '0');
        return valid && BigInteger.Parse(token, CultureInfo.InvariantCulture) <= max
            ? int.Parse(token, CultureInfo.InvariantCulture)
            : throw RefusedException.NoPath();
    }

    public static Tree Merge(Tree? target, Tree patch)
    {
        if (patch.Kind != '{') return patch.Clone();
        Tree merged = target is { Kind: '{' } ? target : Tree.Object();
        foreach ((string name, Tree value) in patch.Members)
        {
            if (value.Kind == 'n') merged.Members.Remove(name);
            else merged.Members[name] = Merge(merged.Members.GetValueOrDefault(name), value);
        }
        return merged;
    }

    public static Tree Patch(Tree root, Tree patch)
    {
        foreach (Tree operation in patch.Elements)
        {
            string[] path = Tokens(operation.Members["path"].Text);
            string[] from = Tokens(operation.Members.GetValueOrDefault("from")?.Text ?? "");
            Tree? value = operation.Members.GetValueOrDefault("value");
            switch (operation.Members["op"].Text)
            {
                case "add":
                    root = Add(root, path, value!.Clone());
                    break;
                case "remove":
                    Remove(root, path);
                    break;
                case "replace":
                    Find(root, path);
                    root = path.Length == 0 ? value!.Clone() : Set(root, path, value!.Clone());
                    break;
                case "copy":
                    root = Add(root, path, Find(root, from).Clone());
                    break;
                case "move":
                    Tree moved = Find(root, from);
                    if (from.SequenceEqual(path)) break;
                    Remove(root, from);
                    root = Add(root, path, moved);
                    break;
                default:
                    if (!Tree.Equal(Find(root, path), value!)) throw new RefusedException(EditStatus.TestFailed);
                    break;
            }
        }
        return root;
    }

    /// <summary>Replaces a value, adds a member, or appends an element with <c>-</c>.</summary>
    public static Tree Set(Tree root, string[] path, Tree value)
    {
        if (path.Length == 0) return value;
        Tree parent = Find(root, path.AsSpan()[..^1]);
        if (parent.Kind == '[' && path[^1] != "-") parent.Elements[Index(parent, path[^1], parent.Elements.Count - 1)] = value;
        else Add(root, path, value);
        return root;
    }

    private static Tree Add(Tree root, string[] path, Tree value)
    {
        if (path.Length == 0) return value;
        Tree parent = Find(root, path.AsSpan()[..^1]);
        if (parent.Kind == '{') parent.Members[path[^1]] = value;
        else if (parent.Kind == '[') parent.Elements.Insert(Index(parent, path[^1], parent.Elements.Count), value);
        else throw RefusedException.NoPath();
        return root;
    }

    private static void Remove(Tree root, string[] path)
    {
        Find(root, path);
        if (path.Length == 0) throw RefusedException.NoPath();
        Tree parent = Find(root, path.AsSpan()[..^1]);
        if (parent.Kind == '{') parent.Members.Remove(path[^1]);
        else parent.Elements.RemoveAt(Index(parent, path[^1], parent.Elements.Count - 1));
    }
}
