using System.Globalization;
using KestrelKv.Server.Settings;

namespace KestrelKv.Server.Tests.Lifecycle;

/// <summary>The spellings of durations in settings.</summary>
public sealed class DurationTests
{
    [Theory]
    [InlineData("00:00:30", "00:00:30")]
    [InlineData("0:0:5", "00:00:05")]
    [InlineData("00:00:00.5", "00:00:00.5000000")]
    [InlineData("23:59:59", "23:59:59")]
    [InlineData("24:00:00", "1.00:00:00")]
    [InlineData("36:30:00", "1.12:30:00")]
    [InlineData("7.00:00:01", "7.00:00:01")]
    [InlineData("-00:00:01", "-00:00:01")]
    [InlineData("500ms", "00:00:00.5000000")]
    [InlineData("30s", "00:00:30")]
    [InlineData("90m", "01:30:00")]
    [InlineData("24H", "1.00:00:00")]
    [InlineData("7d", "7.00:00:00")]
    [InlineData("0", "00:00:00")]
    public void TryParse_OfAValidSpelling_ReturnsTheDuration(string text, string expected)
    {
        Assert.True(Duration.TryParse(text, out TimeSpan duration));
        Assert.Equal(TimeSpan.ParseExact(expected, "c", CultureInfo.InvariantCulture), duration);
    }

    [Theory]
    [InlineData("")]
    [InlineData("30")]
    [InlineData("00:30")]
    [InlineData("00:60:00")]
    [InlineData("00:00:60")]
    [InlineData("1.24:00:00")]
    [InlineData("1:00:00:00")]
    [InlineData("1,5h")]
    [InlineData("1.5h")]
    [InlineData("5 m")]
    [InlineData("s")]
    [InlineData("-")]
    [InlineData("--5s")]
    [InlineData("+5s")]
    [InlineData("00:00:-5")]
    [InlineData("0000001:00:00")]
    [InlineData("9999999d")]
    [InlineData("soon")]
    public void TryParse_OfAnInvalidSpelling_Fails(string text) => Assert.False(Duration.TryParse(text, out _));
}
