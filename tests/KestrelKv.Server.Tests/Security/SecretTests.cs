using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using KestrelKv.Server.Security;

namespace KestrelKv.Server.Tests.Security;

/// <summary>The form of secrets.</summary>
public sealed class SecretTests
{
    private const string Digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    [Fact]
    public void Create_Many_HaveTheirChecksumAndAreDifferent()
    {
        string[] secrets = [.. Enumerable.Range(0, 1_000).Select(_ => Secret.Create())];
        Assert.All(secrets, secret => Assert.Matches("^kkv_[0-9A-Za-z]{49}$", secret));
        Assert.All(secrets, secret => Assert.Equal(
            BinaryPrimitives.ReadUInt32BigEndian(SHA256.HashData(Encoding.ASCII.GetBytes(secret[4..47]))),
            secret[47..].Aggregate(0L, (number, digit) => number * Digits.Length + Digits.IndexOf(digit))));
        Assert.Equal(secrets.Length, secrets.Distinct().Count());
    }
}
