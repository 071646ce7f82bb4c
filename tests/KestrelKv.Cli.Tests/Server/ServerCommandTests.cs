using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Tests.Hosting;
using KestrelKv.Testing;

namespace KestrelKv.Cli.Tests.Server;

public sealed class ServerCommandTests(ServerFixture fixture) : IClassFixture<ServerFixture>
{
    [Fact]
    public async Task Info_PrintsJsonOrATable()
    {
        Assert.StartsWith(
            """{"server":"KestrelKv","server_version":""", (await new InProcess(fixture.Server).RunAsync("info")).Output, StringComparison.Ordinal);
        string table = (await new InProcess(fixture.Server) { IsTerminal = true }.RunAsync("info", "--no-color")).Output;
        Assert.StartsWith("NAME              VALUE\nserver            KestrelKv\n", table, StringComparison.Ordinal);
        Assert.Contains("durability        Always\n", table, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ping_Repeated_PrintsASummary()
    {
        KkvResult result = await new InProcess(fixture.Server).RunAsync("ping", "--count", "3", "--interval", "0");
        Assert.Equal(ExitCode.Ok, result.ExitCode);
        Assert.Matches("""^{"ping":1,"ms":[0-9.]+}\n{"ping":2,"ms":[0-9.]+}\n{"ping":3,"ms":[0-9.]+}\n{"pings":3,"min_ms":[0-9.]+,"avg_ms":[0-9.]+,"max_ms":[0-9.]+}\n$""", result.Output);
        Assert.Matches("^pong 1: [0-9.]+ ms\n$", (await new InProcess(fixture.Server) { IsTerminal = true }.RunAsync("ping")).Output);
        Assert.Equal(ExitCode.Usage, (await new InProcess(fixture.Server).RunAsync("ping", "-n", "0")).ExitCode);
    }

    [Fact]
    public async Task User_RunsTheServerProgram_AndReturnsItsExitCode()
    {
        using var kkv = new Kkv();
        using var users = new TestUsersFile("""{"version": 1, "roles": {"all": {"grants": [{"prefix": "", "allow": ["read"]}]}}, "users": {}}""");
        string setting = $"--KestrelKv:{users.Setting}";
        KkvResult added = await kkv.RunAsync("user", "--server", Repository.ServerDll, "add", "ada", "--role", "all", setting);
        Assert.Equal(ExitCode.Ok, added.ExitCode);
        Assert.Contains("kkv_", added.Output, StringComparison.Ordinal);
        kkv["KKV_SERVER"] = Repository.ServerDll;
        Assert.Contains("ada", (await kkv.RunAsync("user", "list", setting)).Output, StringComparison.Ordinal);
        KkvResult refused = await kkv.RunAsync("user", "add", "ada", "--role", "none", setting);
        Assert.Equal(1, refused.ExitCode);
        Assert.StartsWith("kestrelkv: ", refused.Error, StringComparison.Ordinal);
        KkvResult missing = await new InProcess("").RunAsync("user", "list", "--server", "/nonexistent");
        Assert.Equal(new(ExitCode.Usage, "",
            "kkv: There is no server program at /nonexistent, expected the path of KestrelKv.Server or KestrelKv.Server.dll.\n"), missing);
    }
}
