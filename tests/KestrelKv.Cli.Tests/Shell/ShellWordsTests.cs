using KestrelKv.Cli.Shell;
using KestrelKv.Cli.Shell.Editing;
using KestrelKv.Testing;

namespace KestrelKv.Cli.Tests.Shell;

/// <summary>Words of commands, and the history.</summary>
public sealed class ShellWordsTests
{
    [Theory]
    [InlineData("get a", "get|a")]
    [InlineData("""  put  a {"x": [1, 2], "s": "} \" {"}  --ttl 5 """, """put|a|{"x": [1, 2], "s": "} \" {"}|--ttl|5""")]
    [InlineData("get 'a b' \"c \\\" d\" e\\f", "get|a b|c \" d|e\\f")]
    [InlineData("put a \"hello world\"", "put|a|\"hello world\"")]
    [InlineData("put \"a b\" 1", "put|a b|1")]
    [InlineData("put a [1,\n2]", "put|a|[1,\n2]")]
    [InlineData("get ''", "get|")]
    [InlineData("", "")]
    public void Split_ReturnsTheArguments(string line, string words)
    {
        ShellWords split = ShellWords.Split(line);
        Assert.False(split.IsOpen);
        Assert.Equal(words, string.Join('|', split.Arguments()));
    }

    [Theory]
    [InlineData("put a {")]
    [InlineData("put a {\"x\": \"}\"")]
    [InlineData("put a 'b")]
    [InlineData("put a [[1]")]
    public void Split_OfAnOpenPart_IsOpen(string line) => Assert.True(ShellWords.Split(line).IsOpen);

    [Fact]
    public void History_KeepsEachCommandOnce_AndNoSecrets()
    {
        using var directory = new DataDirectory();
        string path = directory.PathTo("state/history");
        var history = new History(path);
        string[] lines =
            ["get a", "put a {\n\"x\\n\": 1}", "get a", "user add ada", "context add x kestrelkv://u:s@h", "get b -u kestrelkv://u:s@h", " get c",
             "put user:1:Password 1", "put db-token x", "get a -u Host=h;User=u;Passwd=x", "put credentials 1", "put x-api_key 1"];
        foreach (string line in lines)
            history.Add(line);
        var next = new History(path);
        next.Load();
        Assert.Equal(["put a {\n\"x\\n\": 1}", "get a"], next.Lines);
        if (!OperatingSystem.IsWindows()) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
    }
}
