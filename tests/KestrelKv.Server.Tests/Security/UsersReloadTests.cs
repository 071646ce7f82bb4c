using System.Text.RegularExpressions;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Security;

/// <summary>Changes of the users file while a server runs, and faults of the file at the start.</summary>
public sealed class UsersReloadTests
{
    private const string One = "kkv_one";
    private const string Two = "kkv_two";

    [Theory]
    [InlineData("{\"version\": 1, \"roles\": {}, \"users\": {", "line 1")]
    [InlineData("{\"version\": 1, \"roles\": {}, \"users\": {\"a\": {\"roles\": [\"x\"]}}}", "users.a.roles")]
    public async Task Start_InvalidFile_FailsWithOneLine(string text, string place)
    {
        using var users = new TestUsersFile(text);
        (int exitCode, string output) = await ServerProcess.RunToEndAsync([users.Setting]);
        Assert.Equal(1, exitCode);
        Assert.Single(output.TrimEnd().Split('\n'));
        Assert.StartsWith($"kestrelkv: the users file {users.FilePath} (KestrelKv:Security:UsersFile) is not valid: ", output, StringComparison.Ordinal);
        Assert.Contains(place, output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_MissingFile_FailsWithOneLine()
    {
        (int exitCode, string output) = await ServerProcess.RunToEndAsync(["Security:UsersFile=/nowhere/users.json"]);
        Assert.Equal(1, exitCode);
        Assert.StartsWith("kestrelkv: the users file /nowhere/users.json (KestrelKv:Security:UsersFile) is not valid: ", Assert.Single(output.TrimEnd().Split('\n')), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_NamedPipe_FailsWithOneLine()
    {
        using var users = new TestUsersFile("{}");
        File.Delete(users.FilePath);
        await Programs.RunAsync("mkfifo", [users.FilePath]);
        (int exitCode, string output) = await ServerProcess.RunToEndAsync([users.Setting]);
        Assert.Equal(1, exitCode);
        Assert.EndsWith("is not valid: the file is not a regular file", Assert.Single(output.TrimEnd().Split('\n')), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Reload_InvalidFile_KeepsTheUsersAndSaysWhy()
    {
        using var users = new TestUsersFile(UsersWith(One));
        await using ServerProcess server = await ServerProcess.StartAsync([users.Setting]);
        using WireClient client = await WireClient.ConnectAsync(server.WirePort);
        Assert.Contains("\"OK\"", await AuthAsync(client, One), StringComparison.Ordinal);

        users.Write(UsersWith(Two)[..^5]);
        await Wait.UntilAsync(() => server.Log.Contains("was not reloaded", StringComparison.Ordinal), () => server.Log);
        Assert.Contains(users.FilePath, server.Log, StringComparison.Ordinal);
        Assert.Equal(Frames.GetReply("k", "null"), await client.CallAsync(Frames.Get("k")));

        users.Write(UsersWith(Two));
        Assert.Equal("auth_revoked", Frames.ErrorCode((await client.ReceiveAsync())!));
        using WireClient next = await WireClient.ConnectAsync(server.WirePort);
        Assert.Contains("\"OK\"", await AuthAsync(next, Two), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Reload_Hangup_ReadsTheFile()
    {
        using var users = new TestUsersFile(UsersWith(One));
        await using ServerProcess server = await ServerProcess.StartAsync([users.Setting]);
        await Programs.RunAsync("kill", ["-HUP", $"{server.Id}"]);
        await Wait.UntilAsync(() => server.Log.Contains("the users file was reloaded, 1 users", StringComparison.Ordinal), () => server.Log);
    }

    [Fact]
    public async Task Reload_ManyHangups_ReadTheFileAFewTimes()
    {
        const int Signals = 1_000;
        using var users = new TestUsersFile(UsersWith(One));
        await using ServerProcess server = await ServerProcess.StartAsync([users.Setting]);
        await Programs.RunAsync("bash", ["-c", $"for i in {{1..{Signals}}}; do kill -HUP {server.Id}; done"]);
        await Wait.UntilAsync(() => Reloads(server) > 0, () => server.Log);
        using WireClient client = await WireClient.ConnectAsync(server.WirePort);
        Assert.Contains("\"OK\"", await AuthAsync(client, One), StringComparison.Ordinal);
        Assert.InRange(Reloads(server), 1, Signals / 5);
    }

    [Fact]
    public async Task Reload_FileWithTheSameLengthAndTime_IsRead()
    {
        using var users = new TestUsersFile(UsersWith(One));
        await using ServerProcess server = await ServerProcess.StartAsync([users.Setting]);
        DateTime written = File.GetLastWriteTimeUtc(users.FilePath);
        string replacement = users.FilePath + ".new";
        await File.WriteAllTextAsync(replacement, UsersWith(Two));
        File.SetLastWriteTimeUtc(replacement, written);
        File.Move(replacement, users.FilePath, overwrite: true);
        await Wait.UntilAsync(() => Reloads(server) > 0, () => server.Log);
        using WireClient client = await WireClient.ConnectAsync(server.WirePort);
        Assert.Contains("\"OK\"", await AuthAsync(client, Two), StringComparison.Ordinal);
    }

    /// <summary>Kubernetes mounts a secret as links to a directory that it replaces: users.json -> ..data/users.json, ..data -> 1.</summary>
    [Fact]
    public async Task Reload_LinkToTheDirectorySwapped_ReadsTheNewFile()
    {
        using var users = new TestUsersFile("{}");
        string mount = Path.GetDirectoryName(users.FilePath)!;
        foreach ((string directory, string secret) in ((string, string)[])[("1", One), ("2", Two)])
        {
            Directory.CreateDirectory(Path.Combine(mount, directory));
            File.WriteAllText(Path.Combine(mount, directory, "users.json"), UsersWith(secret));
        }
        Directory.CreateSymbolicLink(Path.Combine(mount, "..data"), "1");
        File.Delete(users.FilePath);
        File.CreateSymbolicLink(users.FilePath, "..data/users.json");
        await using ServerProcess server = await ServerProcess.StartAsync([users.Setting]);
        using WireClient client = await WireClient.ConnectAsync(server.WirePort);
        Assert.Contains("\"OK\"", await AuthAsync(client, One), StringComparison.Ordinal);

        Directory.CreateSymbolicLink(Path.Combine(mount, "..new"), "2");
        await Programs.RunAsync("mv", ["-T", Path.Combine(mount, "..new"), Path.Combine(mount, "..data")]);

        Assert.Equal("auth_revoked", Frames.ErrorCode((await client.ReceiveAsync())!));
        using WireClient next = await WireClient.ConnectAsync(server.WirePort);
        Assert.Contains("\"OK\"", await AuthAsync(next, Two), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Secret_Expires_EndsItsConnections()
    {
        using var users = new TestUsersFile(UsersWith(One, DateTimeOffset.UtcNow.AddSeconds(4)));
        await using ServerProcess server = await ServerProcess.StartAsync([users.Setting]);
        using WireClient client = await WireClient.ConnectAsync(server.WirePort);
        Assert.Contains("\"OK\"", await AuthAsync(client, One), StringComparison.Ordinal);
        Assert.Equal("auth_revoked", Frames.ErrorCode((await client.ReceiveAsync())!));
        using WireClient next = await WireClient.ConnectAsync(server.WirePort);
        Assert.Equal("auth_failed", Frames.ErrorCode(await AuthAsync(next, One)));
    }

    [Fact]
    public async Task Reload_ManyUnderLoad_EndsNoOtherUsersConnections()
    {
        using var users = new TestUsersFile(UsersWith(One));
        await using ServerProcess server = await ServerProcess.StartAsync([users.Setting, "Data:Durability=Memory"]);
        using var stop = new CancellationTokenSource();
        Task<int>[] clients = [.. Enumerable.Range(0, 4).Select(async _ =>
        {
            using WireClient client = await WireClient.ConnectAsync(server.WirePort);
            await AuthAsync(client, One);
            int calls = 0;
            for (; !stop.IsCancellationRequested; calls++)
                Assert.Equal(Frames.PutReply("k"), await client.CallAsync(Frames.Put("k", "1")));
            return calls;
        })];
        for (int i = 0; i < 5; i++)
        {
            users.Write(UsersWith(One).Replace("\"users\": {", $"\"users\": {{\"other{i}\": {{\"roles\": []}}, ", StringComparison.Ordinal));
            int reloads = i + 1;
            await Wait.UntilAsync(() => Reloads(server) >= reloads, () => server.Log);
        }
        await stop.CancelAsync();
        Assert.All(await Task.WhenAll(clients), calls => Assert.True(calls > 0));
    }

    private static int Reloads(ServerProcess server) => Regex.Count(server.Log, "the users file was reloaded");

    private static string UsersWith(string secret, DateTimeOffset? expires = null) => $$$$"""
        {"version": 1,
         "roles": {"all": {"grants": [{"prefix": "", "allow": ["read", "write", "watch"]}]}},
         "users": {"app": {"roles": ["all"], "secrets": [{"sha256": "{{{{TestUsersFile.HashOf(secret)}}}}"{{{{(expires is null ? "" : $", \"expires\": \"{expires:O}\"")}}}}}]}}}
        """;

    private static Task<string> AuthAsync(WireClient client, string secret) =>
        client.CallAsync($$$"""{"func": "AUTH", "params": {"user": "app", "secret": "{{{secret}}}"}}""");
}
