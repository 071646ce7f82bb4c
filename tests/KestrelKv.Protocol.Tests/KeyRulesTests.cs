namespace KestrelKv.Protocol.Tests;

public sealed class KeyRulesTests
{
    [Theory]
    [InlineData(0, ErrorCode.InvalidKey)]
    [InlineData(1, null)]
    [InlineData(4_096, null)]
    [InlineData(4_097, ErrorCode.KeyTooLong)]
    [InlineData(int.MaxValue, ErrorCode.KeyTooLong)]
    public void Check_Length_AllowsOneToLimit(int keyBytes, ErrorCode? code) =>
        Assert.Equal(code, KeyRules.Check(keyBytes, new RequestLimits())?.Code);

    [Fact]
    public void Check_LimitOfOne_AllowsOneByte()
    {
        var limits = new RequestLimits { KeyBytesMax = 1 };
        Assert.Null(KeyRules.Check(1, limits));
        Assert.Equal(
            new(ErrorCode.KeyTooLong, "the key has 2 bytes of UTF-8, expected at most 1 (Limits:KeyBytesMax)"),
            KeyRules.Check(2, limits));
    }
}
