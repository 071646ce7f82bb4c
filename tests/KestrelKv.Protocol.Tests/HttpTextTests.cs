using System.Text;

namespace KestrelKv.Protocol.Tests;

public sealed class HttpTextTests
{
    [Fact]
    public void Response_Always_IsValidHttpMessage()
    {
        string response = Encoding.ASCII.GetString(HttpText.Response);
        int end = response.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        string[] lines = response[..end].Split("\r\n");
        Dictionary<string, string> headers = lines[1..].ToDictionary(
            line => line[..line.IndexOf(": ", StringComparison.Ordinal)],
            line => line[(line.IndexOf(": ", StringComparison.Ordinal) + 2)..],
            StringComparer.OrdinalIgnoreCase);
        string body = response[(end + 4)..];

        Assert.Matches("^HTTP/1\\.1 4[0-9]{2} .+$", lines[0]);
        Assert.All(lines, line => Assert.DoesNotContain('\n', line));
        Assert.Equal(body.Length.ToString(System.Globalization.CultureInfo.InvariantCulture), headers["Content-Length"]);
        Assert.Equal("close", headers["Connection"]);
        Assert.StartsWith("text/plain", headers["Content-Type"], StringComparison.Ordinal);
        Assert.Contains("wire port", body, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GET / HT", true)]
    [InlineData("OPTIONS ", true)]
    [InlineData("PRI * HT", true)]
    [InlineData("GETS / H", false)]
    [InlineData("\u0001\0\0\0\u0005\0\0\0", false)]
    public void LooksLikeHttp_Header_DependsOnMethod(string header, bool expected) =>
        Assert.Equal(expected, HttpText.LooksLikeHttp(Encoding.ASCII.GetBytes(header)));
}
