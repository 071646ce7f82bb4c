using System.Globalization;
using System.Numerics;

namespace KestrelKv.Json.Tests;

/// <summary>A JSON value as a tree with numbers as text. It shares no code with the implementation under test.</summary>
internal sealed class Tree
{
    /// <summary>The first character: <c>{</c>, <c>[</c>, <c>"</c>, <c>0</c> for a number; <c>t</c>, <c>f</c> and <c>n</c>.</summary>
    public required char Kind { get; init; }

    /// <summary>The characters of a string, or the text of a number.</summary>
    public string Text { get; init; } = "";

    public List<Tree> Elements { get; init; } = [];

    /// <summary>The members; of duplicates, the last one.</summary>
    public Dictionary<string, Tree> Members { get; init; } = [];

    /// <summary>All members as spelled, including duplicates.</summary>
    public List<(string Name, string Text)> Spelled { get; } = [];

    public bool IsContainer => Kind is '{' or '[';

    public static Tree Object() => new() { Kind = '{' };

    public static Tree Number(string text) => new() { Kind = '0', Text = text };

    public Tree Clone() => new()
    {
        Kind = Kind,
        Text = Text,
        Elements = [.. Elements.Select(e => e.Clone())],
        Members = Members.ToDictionary(m => m.Key, m => m.Value.Clone(), StringComparer.Ordinal),
    };

    /// <summary>Whether two values are equal as RFC 6902 defines it.</summary>
    public static bool Equal(Tree a, Tree b) => a.Kind == b.Kind && a.Kind switch
    {
        '{' =>
            a.Members.Count == b.Members.Count &&
                a.Members.All(m => b.Members.TryGetValue(m.Key, out Tree? other) && Equal(m.Value, other)),
        '[' => a.Elements.Count == b.Elements.Count && a.Elements.Zip(b.Elements).All(pair => Equal(pair.First, pair.Second)),
        '0' => Scaled(a.Text) is var x && Scaled(b.Text) is var y && At(x, Math.Max(x.Scale, y.Scale)) == At(y, Math.Max(x.Scale, y.Scale)),
        _ => a.Text == b.Text,
    };

    /// <summary>Returns a number as an integer and its number of decimals.</summary>
    public static (BigInteger Value, int Scale) Scaled(string number)
    {
        string[] parts = number.Split('e', 'E');
        int exponent = parts.Length > 1 ? int.Parse(parts[1], CultureInfo.InvariantCulture) : 0;
        int point = parts[0].IndexOf('.', StringComparison.Ordinal);
        int scale = (point < 0 ? 0 : parts[0].Length - point - 1) - exponent;
        return (BigInteger.Parse(parts[0].Replace(".", "", StringComparison.Ordinal), CultureInfo.InvariantCulture), scale);
    }

    public static BigInteger At((BigInteger Value, int Scale) number, int scale) => number.Value * BigInteger.Pow(10, scale - number.Scale);
}
