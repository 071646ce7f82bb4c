using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Tests.Hosting;
using KestrelKv.Testing;

namespace KestrelKv.Cli.Tests.Server;

/// <summary>Every command without a server, and without the right.</summary>
public sealed class RefusalTests : IAsyncLifetime, IDisposable
{
    // The prefix kkv_ makes the server's log fail the test if it contains the secret.
    private const string Secret = "kkv_reader";

    private readonly TestUsersFile _users = new($$$$"""
        {"version": 1, "roles": {"none": {"grants": [{"prefix": "other:", "allow": ["read"]}]}},
         "users": {"reader": {"roles": ["none"], "secrets": [{"sha256": "{{{{TestUsersFile.HashOf(Secret)}}}}"}]}}}
        """);

    private ServerProcess _server = null!;

    private static readonly string[][] Commands =
    [
        ["get", "k"], ["put", "k", "1"], ["del", "k"], ["del", "k", "l"], ["patch", "k", "{}"], ["incr", "k"], ["expire", "k", "--persist"],
        ["edit", "k"],
        ["mget", "k"], ["scan"], ["scan", "--values"], ["scan", "--delimiter", ":"], ["count"], ["watch"], ["watch", "--snapshot"], ["batch"],
        ["call", "SCAN"],
    ];

    public async Task InitializeAsync() => _server = await ServerProcess.StartAsync([_users.Setting]);

    public async Task DisposeAsync() => await _server.DisposeAsync();

    public void Dispose() => _users.Dispose();

    [Fact]
    public async Task Command_WithoutTheRight_IsRefused()
    {
        var kkv = new InProcess($"kestrelkv://reader:{Secret}@127.0.0.1:{_server.WirePort}");
        foreach (string[] command in Commands)
        {
            KkvResult result = await kkv.RunWithInputAsync("""{"func":"GET","params":{"obj":"k"}}""", command);
            Assert.True(result.ExitCode == ExitCode.Failed &&
                result.Error.Contains("(forbidden)", StringComparison.Ordinal), $"{string.Join(' ', command)}: {result}");
        }
        Assert.Equal(ExitCode.Ok, (await kkv.RunAsync("ping")).ExitCode);
        Assert.DoesNotContain("keys", (await kkv.RunAsync("info")).Output, StringComparison.Ordinal);
        string top = (await kkv.RunAsync("top", "--count", "1", "--interval", "0.1", "--http", "http://127.0.0.1:1")).Output;
        Assert.Matches("^{\"time\":[^,]+,\"source\":\"info\",\"seconds\":[0-9.]+}\n$", top);
    }

    [Fact]
    public async Task Command_WithAWrongSecret_IsRefused()
    {
        KkvResult result = await new InProcess($"kestrelkv://reader:wrong@127.0.0.1:{_server.WirePort}").RunAsync("get", "k");
        Assert.Equal((ExitCode.Failed, true), (result.ExitCode, result.Error.Contains("(auth_failed)", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Command_WithoutAServer_IsUnreachable()
    {
        var kkv = new InProcess("kestrelkv://127.0.0.1:1");
        foreach (string[] command in Commands.Append(["ping"]).Append(["info"]))
        {
            KkvResult result = await kkv.RunWithInputAsync("""{"func":"GET","params":{"obj":"k"}}""", command);
            Assert.True(result.ExitCode == ExitCode.Unreachable && result.Output.Length == 0, $"{string.Join(' ', command)}: {result}");
        }
    }
}
