using System.Runtime.InteropServices;

namespace KestrelKv.Storage.Embedded;

/// <summary>
/// A 64-bit hash, seeded per process against hash flooding. It folds 128-bit products like Wang Yi's wyhash, with secret
/// multiplicands instead of its published constants.
/// </summary>
internal static class KeyHash
{
    private static readonly ulong Secret0 = HashSecrets.Next();
    private static readonly ulong Secret1 = HashSecrets.Next();
    private static readonly ulong Secret2 = HashSecrets.Next();

    public static ulong Of(ReadOnlySpan<byte> key)
    {
        ulong hash = Secret0 ^ (uint)key.Length;
        while (key.Length > 16)
        {
            hash = Fold(Read64(key) ^ Secret1, Read64(key[8..]) ^ hash);
            key = key[16..];
        }

        // The last 1 to 16 bytes as two words, which overlap if there are fewer than 16.
        ulong a, b;
        if (key.Length >= 8)
        {
            a = Read64(key);
            b = Read64(key[^8..]);
        }
        else if (key.Length >= 4)
        {
            a = MemoryMarshal.Read<uint>(key);
            b = MemoryMarshal.Read<uint>(key[^4..]);
        }
        else
        {
            a = key.Length > 0 ? (ulong)((key[0] << 16) | (key[key.Length >> 1] << 8) | key[^1]) : 0;
            b = 0;
        }
        return Fold(Secret2 ^ hash, Fold(a ^ Secret1, b ^ hash));
    }

    private static ulong Read64(ReadOnlySpan<byte> bytes) => MemoryMarshal.Read<ulong>(bytes);

    private static ulong Fold(ulong a, ulong b)
    {
        ulong high = Math.BigMul(a, b, out ulong low);
        return high ^ low;
    }
}

/// <summary>
/// The source of the secrets of <see cref="KeyHash"/>: the system's random numbers, except in tests that need reproducible hashes.
/// </summary>
internal static class HashSecrets
{
    public static Func<ulong> Source { get; set; } = FromSystem;

    /// <summary>
    /// A GUID's random bits also come from the system's generator, but do not load OpenSSL, which nothing else here loads and which adds
    /// about 5 MiB of resident memory. The six fixed bits of each half are combined with random bits of the other half.
    /// </summary>
    private static ulong FromSystem()
    {
        UInt128 random = MemoryMarshal.Read<UInt128>(Guid.NewGuid().ToByteArray());
        return (ulong)random ^ (ulong)(random >> 64);
    }

    /// <summary>Returns a random odd number: a multiplicand must not be 0.</summary>
    public static ulong Next() => Source() | 1;
}
