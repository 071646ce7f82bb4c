using System.Text;

namespace KestrelKv.Storage.Tests.Soak;

/// <summary>Sets of keys, of the kinds that are hard on one part of the engine or another.</summary>
internal static class KeySpaces
{
    /// <summary>A few names, many of them the beginnings of others.</summary>
    public static byte[][] Few { get; } =
        [.. new[] { "a", "aa", "ab", "a\0", "b", "ba", "\0", "é", "éé", "ê", "\uFFFD", "😀", "😀a", "k1", "k2", "k3", "k10", "z", "zz", "zzz" }
            .Select(Encoding.UTF8.GetBytes)];

    /// <summary>Keys of one length, in order.</summary>
    public static byte[][] Numbered(string prefix, int count) =>
        [.. Enumerable.Range(0, count).Select(i => Encoding.ASCII.GetBytes($"{prefix}{i:D7}"))];

    /// <summary>Keys of 1 byte to the longest that the store takes, short ones more often; 16 of them are the longest.</summary>
    public static byte[][] OfAnyLength(Random random, int count, int bytesMax) =>
        Distinct(count, i => RandomKey(random, i < 16 ? bytesMax : random.UpTo(bytesMax - 1) + 1));

    /// <summary>Keys that differ behind a long common beginning, or behind one of a few.</summary>
    public static byte[][] WithCommonBeginnings(Random random, int count)
    {
        byte[][] beginnings = [.. Enumerable.Range(0, 5).Select(i => RandomKey(random, 40 << i))];
        return Distinct(count, _ => [.. beginnings[random.Next(beginnings.Length)], .. RandomKey(random, random.Next(1, 12))]);
    }

    /// <summary>Few different bytes, so that keys are often the beginnings of others.</summary>
    public static byte[] RandomKey(Random random, int bytes)
    {
        byte[] key = new byte[bytes];
        for (int i = 0; i < key.Length; i++) key[i] = (byte)random.Next(i < 2 ? 256 : 4);

        // No UTF-8 begins so, and keys that do are the store's own.
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
