using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Security;

/// <summary>The commands <c>user add|rotate|revoke|list|check</c> of the program.</summary>
public sealed class UserCommandTests : IDisposable
{
    private readonly TestUsersFile _users = new(
        """{"version": 1, "roles": {"r": {"grants": [{"prefix": "a:", "allow": ["read"]}]}, "s": {"server": ["admin"]}}, "users": {}}""");

    public void Dispose() => _users.Dispose();

    [Fact]
    public async Task Add_User_PrintsASecretThatAuthenticates()
    {
        string secret = await RunAsync("user", "add", "app", "--role", "r", "--role", "s");
        Assert.Matches("^kkv_[0-9A-Za-z]{49}$", secret);
        Assert.DoesNotContain(secret, File.ReadAllText(_users.FilePath), StringComparison.Ordinal);
        Assert.Matches("^app  roles: r, s  secrets: [0-9a-f]{8}  certificates: 0$", await RunAsync("user", "list"));
        Assert.Equal("The file is valid: 2 role(s), 1 user(s).", await RunAsync("user", "check"));
        Assert.Equal("app may read \"a:1\".", await RunAsync("user", "check", "app", "a:1"));
        Assert.Equal("app may nothing \"b\".", await RunAsync("user", "check", "app", "b"));

        await using ServerProcess server = await ServerProcess.StartAsync([_users.Setting]);
        Assert.Contains("\"user\": \"app\"", await AuthAsync(server, secret), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rotate_User_HasTwoSecretsUntilOneIsRevoked()
    {
        string first = await RunAsync("user", "add", "app");
        string second = await RunAsync("user", "rotate", "app", "--expires", "1h");
        Assert.Contains("has 2 valid secrets", await FailAsync("user", "rotate", "app"), StringComparison.Ordinal);

        await using ServerProcess server = await ServerProcess.StartAsync([_users.Setting]);
        Assert.Contains("\"OK\"", await AuthAsync(server, first), StringComparison.Ordinal);
        Assert.Contains("\"OK\"", await AuthAsync(server, second), StringComparison.Ordinal);

        await RunAsync("user", "revoke", "app", "--secret", TestUsersFile.HashOf(first)[..8]);
        await Wait.UntilAsync(async () => (await AuthAsync(server, first)).Contains("auth_failed", StringComparison.Ordinal), () => "the secret is still valid");
        Assert.Contains("\"OK\"", await AuthAsync(server, second), StringComparison.Ordinal);

        await RunAsync("user", "revoke", "app");
        await Wait.UntilAsync(async () => (await AuthAsync(server, second)).Contains("auth_failed", StringComparison.Ordinal), () => "the user still exists");
        Assert.Equal("The file has no users.", await RunAsync("user", "list"));
    }

    [Theory]
    [InlineData("user", "unknown command 'user '")]
    [InlineData("user remove app", "unknown command 'user remove', expected user add, rotate, revoke, list or check")]
    [InlineData("user add", "the command needs a name")]
    [InlineData("user add a b", "the command does not take 'b'")]
    [InlineData("user add a/b", "'a/b' is not a user name")]
    [InlineData("user add a --role", "the option '--role' needs a value")]
    [InlineData("user add a --role x", "the role 'x' does not exist, expected one of r, s")]
    [InlineData("user add a --expires soon", "--expires is 'soon', expected a duration such as 90d or 12h")]
    [InlineData("user rotate nobody", "the user 'nobody' does not exist")]
    [InlineData("user revoke nobody", "the user 'nobody' does not exist")]
    [InlineData("user check nobody a", "the user 'nobody' does not exist")]
    public async Task Run_InvalidArguments_FailsWithoutAChange(string command, string expected)
    {
        string before = File.ReadAllText(_users.FilePath);
        Assert.Contains(expected, await FailAsync(command.Split(' ')), StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllText(_users.FilePath));
    }

    [Fact]
    public async Task Add_FileWithItsMode_KeepsIt()
    {
        if (OperatingSystem.IsWindows()) return;
        File.SetUnixFileMode(_users.FilePath, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);
        await RunAsync("user", "add", "app");
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead, File.GetUnixFileMode(_users.FilePath));
        Assert.Equal([_users.FilePath, _users.FilePath + ".lock"], Directory.GetFiles(Path.GetDirectoryName(_users.FilePath)!).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Add_WithoutAFile_CreatesOneForItsOwnerAlone()
    {
        if (OperatingSystem.IsWindows()) return;
        File.Delete(_users.FilePath);
        await RunAsync("user", "add", "app");
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_users.FilePath));
    }

    [Fact]
    public async Task Add_ManyAtOnce_KeepsAll()
    {
        string[] names = [.. Enumerable.Range(0, 6).Select(i => $"user{i}")];
        await Task.WhenAll(names.Select(async name =>
        {
            // Only one command can edit the file at a time; the others fail and are repeated.
            for (int i = 0; i < 50; i++)
            {
                (int exitCode, string output) = await ServerProcess.RunToEndAsync(["user", "add", name], [_users.Setting], null);
                if (exitCode == 0) return;
                Assert.Contains("it cannot be edited now", output, StringComparison.Ordinal);
            }
            Assert.Fail($"{name} was not added");
        }));
        Assert.Equal(names.Length, (await RunAsync("user", "list")).Split('\n').Length);
    }

    [Fact]
    public async Task Run_WithoutAFileSetting_NamesTheSetting()
    {
        (int exitCode, string output) = await ServerProcess.RunToEndAsync(["user", "list"], [], null);
        Assert.Equal((1, "kestrelkv: the setting KestrelKv:Security:UsersFile is empty, expected the path of the users file\n"), (exitCode, output));
    }

    private async Task<string> RunAsync(params string[] command)
    {
        (int exitCode, string output) = await ServerProcess.RunToEndAsync(command, [_users.Setting], null);
        Assert.True(exitCode == 0, output);
        return output.TrimEnd();
    }

    private async Task<string> FailAsync(params string[] command)
    {
        (int exitCode, string output) = await ServerProcess.RunToEndAsync(command, [_users.Setting], null);
        Assert.Equal(1, exitCode);
        return output;
    }

    private static async Task<string> AuthAsync(ServerProcess server, string secret)
    {
        using WireClient client = await WireClient.ConnectAsync(server.WirePort);
        return await client.CallAsync($$$"""{"func": "AUTH", "params": {"user": "app", "secret": "{{{secret}}}"}}""");
    }
}
