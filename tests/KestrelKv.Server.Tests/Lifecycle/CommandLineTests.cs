using System.Reflection;
using KestrelKv.Server.Hosting;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Lifecycle;

/// <summary>The command line, and the messages for a wrong one.</summary>
public sealed class CommandLineTests
{
    [Theory]
    [InlineData("", "", null, "")]
    [InlineData("--KestrelKv:Wire:Port=5555", "", null, "--KestrelKv:Wire:Port=5555")]
    [InlineData("--KestrelKv:Wire:Port 5555", "", null, "--KestrelKv:Wire:Port 5555")]
    [InlineData("/KestrelKv:Wire:Port=5555", "", null, "/KestrelKv:Wire:Port=5555")]
    [InlineData("KestrelKv:Wire:Port=5555", "", null, "KestrelKv:Wire:Port=5555")]
    [InlineData("health", "health", null, "")]
    [InlineData("health --KestrelKv:a=b --Serilog:c=d", "health", null, "--KestrelKv:a=b --Serilog:c=d")]
    [InlineData("salvage --kestrelkv:a=b", "salvage", null, "--kestrelkv:a=b")]
    [InlineData("restore /backups/file", "restore", "/backups/file", "")]
    [InlineData("restore file --KestrelKv:a b", "restore", "file", "--KestrelKv:a b")]
    [InlineData("--KestrelKv:a -1 --OTEL_SERVICE_NAME=kv", "", null, "--KestrelKv:a -1 --OTEL_SERVICE_NAME=kv")]
    [InlineData("--version", "--version", null, "")]
    [InlineData("user list", "user", "list", "")]
    [InlineData("user add app --role orders --KestrelKv:a=b", "user", "add app --role orders", "--KestrelKv:a=b")]
    [InlineData("version", "--version", null, "")]
    [InlineData("--help", "--help", null, "")]
    [InlineData("-h more", "--help", null, "")]
    [InlineData("help", "--help", null, "")]
    public void Parse_Arguments_ReturnsCommandItsArgumentsAndSettings(string args, string command, string? arguments, string settings)
    {
        CommandLine line = CommandLine.Parse(Words(args));
        Assert.Equal(command, line.Command);
        Assert.Equal(Words(arguments ?? ""), line.Arguments);
        Assert.Equal(Words(settings), line.Settings);
    }

    [Theory]
    [InlineData("serve", "unknown command 'serve', expected health, restore, salvage or user")]
    [InlineData("Health", "unknown command 'Health', expected health, restore, salvage or user")]
    [InlineData("restore", "the command 'restore' needs a file")]
    [InlineData("restore --KestrelKv:Data:Directory=/data", "the command 'restore' needs a file")]
    [InlineData("restore one two", "the command 'restore' does not take 'two'")]
    [InlineData("salvage file", "the command 'salvage' does not take 'file'")]
    [InlineData("health now", "the command 'health' does not take 'now'")]
    [InlineData("--port 5555", "the argument '--port' is unknown")]
    [InlineData("--Wire:Port=5555", "the argument '--Wire:Port=5555' is unknown")]
    [InlineData("-KestrelKv:Wire:Port=5555", "the argument '-KestrelKv:Wire:Port=5555' is unknown")]
    [InlineData("--KestrelKv:Wire:Port=5555 5556", "the argument '5556' is unknown")]
    [InlineData("--KestrelKv:Wire:Port", "the argument '--KestrelKv:Wire:Port' has no value, expected --KestrelKv:Wire:Port=VALUE")]
    [InlineData(
        "--KestrelKv:Wire:Port --KestrelKv:Admin:Port=1",
        "the argument '--KestrelKv:Wire:Port' has no value, expected --KestrelKv:Wire:Port=VALUE")]
    [InlineData("--urls=http://127.0.0.1:0", "the argument '--urls=http://127.0.0.1:0' is unknown")]
    [InlineData("--version --KestrelKv:a=b", "the argument '--version' is unknown")]
    public void Parse_InvalidArguments_NamesTheFirst(string args, string expected) =>
        Assert.Equal(expected, Assert.Throws<UsageException>(() => CommandLine.Parse(Words(args))).Message);

    [Fact]
    public async Task Run_WithInvalidArguments_PrintsTheErrorAndTheUsage()
    {
        (int exitCode, string output) = await ServerProcess.RunToEndAsync(["serve"], [], null);
        Assert.Equal(
            (1, $"kestrelkv: unknown command 'serve', expected health, restore, salvage or user\n\n{CommandLine.Usage}\n"), (exitCode, output));
    }

    [Fact]
    public async Task Run_ForHelp_PrintsTheUsage()
    {
        (int exitCode, string output) = await ServerProcess.RunToEndAsync(["--help"], [], null);
        Assert.Equal((0, CommandLine.Usage + "\n"), (exitCode, output));
    }

    [Fact]
    public async Task Run_ForTheVersion_PrintsItWithItsRevision()
    {
        (int exitCode, string output) = await ServerProcess.RunToEndAsync(["--version"], [], null);
        string full = typeof(CommandLine).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;
        Assert.Equal((0, full + "\n"), (exitCode, output));
        Assert.Matches(@"^[0-9]+\.[0-9]+\.[0-9]+", Announcement.ServerVersion);
        Assert.DoesNotContain('+', Announcement.ServerVersion);
    }

    [Theory]
    [InlineData("salvage")]
    [InlineData("restore file")]
    public async Task Run_InMemoryMode_IsRefused(string args)
    {
        using var data = new DataDirectory();
        (int exitCode, string output) = await ServerProcess.RunToEndAsync(Words(args), ["Data:Durability=Memory"], data);
        Assert.Equal((1, "kestrelkv: the setting KestrelKv:Data:Durability is Memory, expected Always, EverySec or None, " +
            "because the command needs a data directory\n"), (exitCode, output));
        Assert.Empty(data.Files);
    }

    private static string[] Words(string text) => text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
}
