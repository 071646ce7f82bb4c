using KestrelKv.Cli.Hosting;
using KestrelKv.Testing;

namespace KestrelKv.Cli.Tests.Hosting;

/// <summary>Arguments that are refused, and the messages.</summary>
public sealed class ArgumentTests
{
    [Theory]
    [InlineData("--vlaues", "scan", "--vlaues")]
    [InlineData("--prefx", "count", "--prefx")]
    [InlineData("--flie", "export", "--flie", "x")]
    [InlineData("--keyz", "watch", "--keyz")]
    [InlineData("--ttl5", "put", "a", "1", "--ttl5=1")]
    [InlineData("-x", "get", "-x", "--", "-k")]
    public async Task UnknownOption_IsRefused(string option, params string[] args)
    {
        var kkv = new InProcess("kestrelkv://127.0.0.1:1");
        KkvResult expected = new(ExitCode.Usage, "", $"kkv: The option {option} does not exist. A key that begins with a dash follows --.\n");
        Assert.Equal(expected, await kkv.RunAsync(args));
        Assert.Equal(expected, await kkv.RunWithInputAsync(string.Join(' ', args) + "\n"));
    }

    [Theory]
    [InlineData("get", "--", "-key")]
    [InlineData("scan", "--after", "-key")]
    [InlineData("incr", "key", "-2.5e3")]
    [InlineData("count", "-")]
    public async Task DashOfAKeyOrAValue_IsAccepted(params string[] args) =>
        Assert.Equal(ExitCode.Unreachable, (await new InProcess("kestrelkv://127.0.0.1:1").RunAsync(args)).ExitCode);

    [Theory]
    [InlineData("--timeout is abc, expected a number. See kkv ping --help", "ping", "--timeout", "abc")]
    [InlineData("--limit is 5x, expected an integer of at most 2147483647. See kkv scan --help", "scan", "-n", "5x")]
    [InlineData("--output is xml, expected one of table, json, ndjson, raw. See kkv ping --help", "ping", "-o", "xml")]
    [InlineData("--timeout is 1E-06, expected seconds from 0.001 to 86400", "ping", "--timeout", "0.000001")]
    [InlineData("--if-version is -1, expected 0 or more", "put", "a", "1", "--if-version", "-1")]
    [InlineData("Timeout is 0, expected 0.001 to 86400 seconds", "ping", "-u", "kestrelkv://h?timeout=0")]
    [InlineData("The value {\"a\":x} is not JSON: 'x' is an invalid start of a value (line 1, byte 6). Quote it for the shell, or use --text to " +
        "store it as a string", "put", "a", "{\"a\":x}")]
    [InlineData("There is no context \"\\u001b]0;pwn\\u0007\", expected one that kkv context add has saved", "get", "a", "-c", "\e]0;pwn\a")]
    public async Task InvalidValue_IsNamedWithWhatWasExpected(string message, params string[] args) =>
        Assert.Equal(new(ExitCode.Usage, "", $"kkv: {message}.\n"), await new InProcess("kestrelkv://127.0.0.1:1").RunAsync(args));

    [Fact]
    public async Task PrivateFile_OfAFailedWrite_IsUnchanged()
    {
        using var directory = new DataDirectory();
        string path = directory.PathTo("contexts.json"), next = path + ".new";
        PrivateFile.Replace(path, next, stream => stream.Write("old"u8));
        Assert.Throws<IOException>(() => PrivateFile.Replace(path, next, _ => throw new IOException("No space left on device")));
        Assert.Equal(("old", false), (await File.ReadAllTextAsync(path), File.Exists(next)));
    }

    [Fact]
    public async Task ContextName_DoesNotControlTheTerminal()
    {
        using var directory = new DataDirectory();
        var kkv = new InProcess("", directory.PathTo("contexts.json")) { IsTerminal = true };
        string[][] commands = [["context", "add", "\e[2J", "kestrelkv://h"], ["context", "list"], ["context", "remove", "\e[2J"]];
        foreach (string[] command in commands)
        {
            KkvResult result = await kkv.RunAsync(command);
            Assert.Contains("\\u001b[2J", result.Output + result.Error, StringComparison.Ordinal);
            Assert.DoesNotContain("\e", result.Output + result.Error, StringComparison.Ordinal);
        }
    }
}
