using System.Text;

namespace KestrelKv.Json.Tests;

/// <summary>Generates random JSON with varied white space, escapes, spellings of numbers and duplicate names.</summary>
internal sealed class RandomDocuments(Random random)
{
    // Includes lone surrogates. The list is short, so that names often collide.
    private static readonly string[] Names = ["a", "b", "c", "", "a/b", "m~n", "0", "1", "-", "é", "😀", "\ud800", "\udc00", "q\"\\\n"];

    private static readonly string[] Numbers =
    [
        "0", "-0", "1", "1.0", "10e-1", "100", "1e2", "1E+2", "0.5", "-7", "12345678901234567890", "0.1", "0.10", "9223372036854775807",
        "1e64", "1e-64", "1e65", "1e-65", "-0.0", "1234567890123456789012345678901234", "0.000001",
    ];

    public string Name() => Names[random.Next(Names.Length)];

    public string Number() =>
        random.Next(2) == 0 ? Numbers[random.Next(Numbers.Length)] : $"{random.Next(-50, 50)}{(random.Next(2) == 0 ? "" : ".25")}";

    /// <param name="depth">The maximum nesting.</param>
    /// <param name="nulls">The percentage of null values.</param>
    public string Value(int depth, int nulls = 3) => random.Next(100) < nulls ? "null" : random.Next(depth > 0 ? 10 : 5) switch
    {
        0 => Number(),
        1 => String(Name()),
        2 => "true",
        3 => "false",
        4 => random.Next(2) == 0 ? "{" + Space() + "}" : "[" + Space() + "]",
        5 or 6 => Items('[', ']', () => Value(depth - 1, nulls)),
        _ => Object(depth, nulls),
    };

    /// <summary>Returns an object, sometimes with enough members for a hash table, or with a long member.</summary>
    public string Object(int depth, int nulls = 3)
    {
        int wide = random.Next(12) == 0 ? random.Next(40) : 0;
        string members = Items('{', '}', () => String(Name()) + Space() + ":" + Space() + Value(depth - 1, nulls));
        for (int i = 0; i < wide; i++)
            members =
                $"{{{String("w" + random.Next(30))}:{Value(0, nulls)}{(members.AsSpan(1).Trim().Length > 1 ? "," : "")}{members[1..]}";
        return random.Next(30) == 0 && members.AsSpan(1).Trim().Length > 1
            ? $"{{\"long\":\"{new string('x', 1200)}\",{members[1..]}"
            : members;
    }

    public string String(string text)
    {
        var json = new StringBuilder("\"");
        for (int i = 0; i < text.Length; i++)
        {
            bool pair = char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]);
            bool must = text[i] < ' ' || text[i] is '"' or '\\' || (char.IsSurrogate(text[i]) && !pair);
            if (must || random.Next(5) == 0) json.Append($"\\u{(int)text[i]:x4}");
            else json.Append(text[i]);
            if (!pair) continue;
            if (json[^1] == text[i]) json.Append(text[++i]);
            else json.Append($"\\u{(int)text[++i]:X4}");
        }
        return json.Append('"').ToString();
    }

    /// <summary>Returns a pointer that usually selects a part of a value.</summary>
    public string Pointer(Tree tree)
    {
        var pointer = new StringBuilder();
        while (random.Next(6) > 0)
        {
            string token = tree.Kind == '{' && tree.Members.Count > 0 && random.Next(5) > 0
                ? tree.Members.Keys.ElementAt(random.Next(tree.Members.Count))
                : tree.Kind == '[' && random.Next(8) > 0 ? Index(tree.Elements.Count) : Name();
            pointer.Append('/').Append(token.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal));
            Tree? next = tree.Kind == '{' ? tree.Members.GetValueOrDefault(token) : null;
            if (tree.Kind == '[' && int.TryParse(token, out int index) && index < tree.Elements.Count) next = tree.Elements[index];
            if (next is null && random.Next(3) > 0) break;
            tree = next ?? Tree.Object();
        }
        return pointer.ToString();
    }

    public string Patch(Tree tree) => Items('[', ']', () => Operation(tree));

    private string Operation(Tree tree)
    {
        string op = new[] { "add", "remove", "replace", "move", "copy", "test", "test" }[random.Next(7)];
        string path = Pointer(tree), from = Pointer(tree);
        if (op == "move" && path.StartsWith(from + "/", StringComparison.Ordinal)) op = "copy";
        string value = op == "test" && random.Next(4) > 0 ? Respelled(tree, path) : Value(2);
        string[] members =
            [$"\"op\":{String(op)}", $"\"path\":{String(path)}", $"\"from\":{String(from)}", $"\"value\":{value}", "\"more\":[{}]"];
        random.Shuffle(members);
        return "{" + string.Join(Space() + "," + Space(), members) + "}";
    }

    /// <summary>Returns the value at a path in another spelling.</summary>
    private string Respelled(Tree tree, string path)
    {
        try
        {
            return Spell(TreeEdits.Find(tree, TreeEdits.Tokens(path)));
        }
        catch (RefusedException)
        {
            return Value(1);
        }
    }

    private string Spell(Tree tree) => tree.Kind switch
    {
        '{' => "{" + string.Join(",", tree.Members.OrderBy(_ => random.Next()).Select(m => $"{String(m.Key)}{Space()}:{Spell(m.Value)}")) + "}",
        '[' => "[" + string.Join(Space() + ",", tree.Elements.Select(Spell)) + "]",
        '"' => String(tree.Text),
        '0' => Respelled(tree.Text),
        't' => "true",
        'f' => "false",
        _ => "null",
    };

    private string Respelled(string number)
    {
        var (value, scale) = Tree.Scaled(number);
        return random.Next(3) == 0 ? number : $"{value}{new string('0', random.Next(2) is var zeros ? zeros : 0)}e{-scale - zeros}";
    }

    private string Index(int count) =>
        random.Next(10) switch { 0 => "-", 1 => $"0{random.Next(3)}", 2 => "99999999999", _ => $"{random.Next(count + 2)}" };

    private string Items(char open, char close, Func<string> item)
    {
        var items = Enumerable.Range(0, random.Next(6)).Select(_ => Space() + item() + Space());
        return open + string.Join(",", items) + Space() + close;
    }

    private string Space() => random.Next(4) == 0 ? new[] { " ", "\n", "\t ", "\r\n  " }[random.Next(4)] : "";
}
