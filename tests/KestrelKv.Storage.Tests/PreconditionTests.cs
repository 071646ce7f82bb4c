namespace KestrelKv.Storage.Tests;

public sealed class PreconditionTests
{
    [Theory]
    [InlineData(0, true, true, false, true, false)]
    [InlineData(1, true, false, true, false, false)]
    [InlineData(7, true, false, true, false, true)]
    [InlineData(long.MaxValue, true, false, true, false, false)]
    public void Holds_AnyVersion_MatchesPreconditionKind(long version, bool none, bool absent, bool present, bool zero, bool seven)
    {
        Assert.Equal(none, Precondition.None.Holds(version));
        Assert.Equal(absent, Precondition.Absent.Holds(version));
        Assert.Equal(present, Precondition.Present.Holds(version));
        Assert.Equal(zero, Precondition.Version(0).Holds(version));
        Assert.Equal(seven, Precondition.Version(7).Holds(version));
    }

    [Fact]
    public void Version_MaxValue_HoldsOnlyForItself()
    {
        Assert.True(Precondition.Version(long.MaxValue).Holds(long.MaxValue));
        Assert.False(Precondition.Version(long.MaxValue).Holds(0));
        Assert.False(Precondition.Version(long.MaxValue).Holds(long.MaxValue - 1));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(-2)]
    [InlineData(long.MinValue)]
    public void Version_Negative_Throws(long version) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Precondition.Version(version));
}
