using System.Globalization;
using System.Numerics;

namespace KestrelKv.Json.Tests;

/// <summary>Implements increments on trees, with integers of any length.</summary>
internal static class TreeSums
{
    public static Tree Increment(Tree? root, string[] path, string delta)
    {
        for (int known = path.Length; known >= 0 && root is not null; known--)
        {
            Tree? place = TryFind(root, path.AsSpan()[..known]);
            if (place is null) continue;
            if (known < path.Length) return Create(root, path, known, place, delta);
            if (place.Kind != '0') throw new RefusedException(EditStatus.NotANumber);
            return TreeEdits.Set(root, path, Tree.Number(Sum(place.Text, delta)));
        }
        return Nested(path, delta);
    }

    public static string Sum(string target, string delta)
    {
        if (IsInteger(target) && !Fits(BigInteger.Parse(target, CultureInfo.InvariantCulture))) throw Overflow();
        if (IsInteger(target) && IsInteger(delta))
        {
            BigInteger more = BigInteger.Parse(delta, CultureInfo.InvariantCulture);
            BigInteger sum = BigInteger.Parse(target, CultureInfo.InvariantCulture) + more;
            return Fits(more) && Fits(sum) ? sum.ToString(CultureInfo.InvariantCulture) : throw Overflow();
        }

        var a = Tree.Scaled(target);
        var b = Tree.Scaled(delta);
        int scale = Math.Max(0, Math.Max(a.Scale, b.Scale));
        BigInteger limit = BigInteger.Pow(10, 65);
        if (scale > 64 || Whole(a) >= limit || Whole(b) >= limit) throw Overflow();
        BigInteger total = Tree.At(a, scale) + Tree.At(b, scale);
        string digits = BigInteger.Abs(total).ToString(CultureInfo.InvariantCulture);
        if (digits.TrimEnd('0').Length > 34 || Whole((total, scale)) >= limit) throw Overflow();
        digits = digits.PadLeft(scale + 1, '0');
        if (scale == 0 && !Fits(total)) throw Overflow();
        return (total.Sign < 0 ? "-" : "") + digits[..^scale] + (scale > 0 ? "." + digits[^scale..] : "");
    }

    private static BigInteger Whole((BigInteger Value, int Scale) number) =>
        number.Scale <= 0 ? BigInteger.Abs(Tree.At(number, 0)) : BigInteger.Abs(number.Value) / BigInteger.Pow(10, number.Scale);

    private static Tree Create(Tree root, string[] path, int known, Tree place, string delta)
    {
        if (place.Kind == '{') place.Members[path[known]] = Nested(path[(known + 1)..], delta);
        else if (place.Kind == '[' && path[known] == "-") place.Elements.Add(Nested(path[(known + 1)..], delta));
        else throw RefusedException.NoPath();
        return root;
    }

    private static Tree Nested(string[] path, string delta)
    {
        if (path.Length == 0) return Tree.Number(Sum("0", delta));
        Tree tree = Tree.Object();
        tree.Members[path[0]] = Nested(path[1..], delta);
        return tree;
    }

    private static Tree? TryFind(Tree root, ReadOnlySpan<string> tokens)
    {
        try
        {
            return TreeEdits.Find(root, tokens);
        }
        catch (RefusedException)
        {
            return null;
        }
    }

    private static bool IsInteger(string number) => !number.AsSpan().ContainsAny(".eE");

    private static bool Fits(BigInteger value) => value >= long.MinValue && value <= long.MaxValue;

    private static RefusedException Overflow() => new(EditStatus.NumberOverflow);
}
