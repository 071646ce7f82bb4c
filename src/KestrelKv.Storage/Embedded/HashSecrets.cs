using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace KestrelKv.Storage.Embedded;

/// <summary>
/// Where hashes get their secrets from: the system's random numbers, but in tests, which can then be repeated with each
/// key in the same place.
/// </summary>
internal static class HashSecrets
{
    public static Func<ulong> Source { get; set; } = () => MemoryMarshal.Read<ulong>(RandomNumberGenerator.GetBytes(sizeof(ulong)));

    /// <summary>An odd number: a multiplicand must not be 0.</summary>
    public static ulong Next() => Source() | 1;
}
