using System.Buffers.Binary;
using System.Numerics;
using System.Security.Cryptography;
using System.Text;

namespace KestrelKv.Server.Security;

/// <summary>
/// The secret of a user: <c>kkv_</c>, 43 base62 digits with 256 random bits, and 6 base62 digits with a checksum, the first 32 bits of the
/// SHA-256 of the 43. The prefix and the checksum let scanners of source code find leaked secrets without false alarms.
/// </summary>
/// <remarks>
/// The file stores the SHA-256 of the text. Slow password hashes protect secrets that people choose; these cannot be guessed (OWASP
/// Password Storage and Cryptographic Storage Cheat Sheets).
/// </remarks>
internal static class Secret
{
    /// <summary>The first characters of every secret.</summary>
    public const string Prefix = "kkv_";

    private const string Digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    private const int RandomBytes = 32;
    private const int RandomDigits = 43;
    private const int ChecksumDigits = 6;

    /// <summary>Returns a new secret.</summary>
    public static string Create()
    {
        string random = Base62(new BigInteger(RandomNumberGenerator.GetBytes(RandomBytes), isUnsigned: true), RandomDigits);
        return Prefix + random + Checksum(random);
    }

    /// <summary>Returns the SHA-256 of a secret.</summary>
    public static byte[] Hash(ReadOnlySpan<byte> utf8) => SHA256.HashData(utf8);

    /// <summary>Returns the id of a secret: the first 8 hexadecimal digits of its SHA-256.</summary>
    public static string IdOf(string sha256) => sha256[..8];

    private static string Checksum(string random) =>
        Base62(BinaryPrimitives.ReadUInt32BigEndian(SHA256.HashData(Encoding.ASCII.GetBytes(random))), ChecksumDigits);

    private static string Base62(BigInteger value, int length)
    {
        var text = new char[length];
        for (int i = length - 1; i >= 0; i--)
        {
            value = BigInteger.DivRem(value, Digits.Length, out BigInteger digit);
            text[i] = Digits[(int)digit];
        }
        return new(text);
    }
}
