using KestrelKv.Server.Security;

namespace KestrelKv.Server.Tests.Security;

/// <summary>The form of secrets.</summary>
public sealed class SecretTests
{
    [Fact]
    public void Create_Many_AreWellFormedAndDifferent()
    {
        string[] secrets = [.. Enumerable.Range(0, 1_000).Select(_ => Secret.Create())];
        Assert.All(secrets, secret => Assert.Matches("^kkv_[0-9A-Za-z]{49}$", secret));
        Assert.All(secrets, secret => Assert.True(Secret.IsWellFormed(secret)));
        Assert.Equal(secrets.Length, secrets.Distinct().Count());
    }

    [Fact]
    public void IsWellFormed_OneDigitChanged_IsFalse()
    {
        string secret = Secret.Create();
        for (int i = 4; i < secret.Length; i++)
        {
            char other = secret[i] == 'a' ? 'b' : 'a';
            Assert.False(Secret.IsWellFormed(secret[..i] + other + secret[(i + 1)..]), $"digit {i}");
        }
        Assert.False(Secret.IsWellFormed(secret[..^1]));
        Assert.False(Secret.IsWellFormed("xkv_" + secret[4..]));
    }
}
