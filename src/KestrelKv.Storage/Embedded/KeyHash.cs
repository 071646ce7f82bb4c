using System.Runtime.InteropServices;

namespace KestrelKv.Storage.Embedded;

/// <summary>
/// A hash of 64 bits, seeded per process, so that nobody can aim keys at one bucket. Folded 128-bit multiplications,
/// the construction of Wang Yi's wyhash, with secret multiplicands in place of its published ones.
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

        // The last 1 to 16 bytes, as two words that overlap where there are fewer than 16.
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
/// The source of the secrets of <see cref="KeyHash"/>: the system's random numbers, except in tests, which can then be repeated with each
/// key in the same place.
/// </summary>
internal static class HashSecrets
{
    public static Func<ulong> Source { get; set; } = FromSystem;

    /// <summary>
    /// A GUID's random bits come from the system's generator too, and without OpenSSL, which nothing else here loads: about 5 MiB of resident memory.
    /// The six fixed bits of a half meet random ones of the other.
    /// </summary>
    private static ulong FromSystem()
    {
        UInt128 random = MemoryMarshal.Read<UInt128>(Guid.NewGuid().ToByteArray());
        return (ulong)random ^ (ulong)(random >> 64);
    }

    /// <summary>An odd number: a multiplicand must not be 0.</summary>
    public static ulong Next() => Source() | 1;
}
