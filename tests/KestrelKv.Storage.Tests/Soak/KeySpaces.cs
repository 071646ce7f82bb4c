using System.Text;

namespace KestrelKv.Storage.Tests.Soak;

/// <summary>Sets of keys, each of which stresses a different part of the engine.</summary>
internal static class KeySpaces
{
    /// <summary>A few names, many of them prefixes of others.</summary>
    public static byte[][] Few { get; } =
        [.. new[] { "a", "aa", "ab", "a\0", "b", "ba", "\0", "é", "éé", "ê", "\uFFFD", "😀", "😀a", "k1", "k2", "k3", "k10", "z", "zz", "zzz" }
            .Select(Encoding.UTF8.GetBytes)];

    /// <summary>Returns keys of one length, in order.</summary>
    public static byte[][] Numbered(string prefix, int count) =>
        [.. Enumerable.Range(0, count).Select(i => Encoding.ASCII.GetBytes($"{prefix}{i:D7}"))];

    /// <summary>Returns keys of 1 byte to a maximum length, mostly short. 16 of them have the maximum length.</summary>
    public static byte[][] OfAnyLength(Random random, int count, int bytesMax) =>
        Distinct(count, i => RandomKey(random, i < 16 ? bytesMax : random.UpTo(bytesMax - 1) + 1));

    /// <summary>Returns keys with one of a few long common prefixes.</summary>
    public static byte[][] WithCommonPrefixes(Random random, int count)
    {
        byte[][] prefixes = [.. Enumerable.Range(0, 5).Select(i => RandomKey(random, 40 << i))];
        return Distinct(count, _ => [.. prefixes[random.Next(prefixes.Length)], .. RandomKey(random, random.Next(1, 12))]);
    }

    /// <summary>Returns a key of few distinct bytes, so that keys are often prefixes of others.</summary>
    public static byte[] RandomKey(Random random, int bytes)
    {
        byte[] key = new byte[bytes];
        for (int i = 0; i < key.Length; i++) key[i] = (byte)random.Next(i < 2 ? 256 : 4);

        // 0xFF never occurs in UTF-8 and marks internal keys.
        if (key[0] == 0xFF) key[0] = 0xFE;
        return key;
    }

    private static byte[][] Distinct(int count, Func<int, byte[]> make)
    {
        var keys = new HashSet<byte[]>(KeyComparer.Instance);
        while (keys.Count < count) keys.Add(make(keys.Count));
        return [.. keys];
    }
}
