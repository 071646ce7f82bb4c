using KestrelKv.Server.Security;
using KestrelKv.Server.Tests.Admin;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Security;

/// <summary>A server with users, for the tests of a class. The keys <c>order:1</c> and <c>user:1</c> exist.</summary>
public class UsersServer : IAsyncLifetime
{
    private ServerProcess? _process;

    /// <summary>The secrets of the users, and one of no user.</summary>
    public static readonly IReadOnlyDictionary<string, string> Secrets =
        ((string[])["reader", "writer", "watcher", "other", "ops", "root", "disabled", "expired", "unknown"])
            .ToDictionary(name => name, _ => Secret.Create());

    public UsersServer() => Users = new TestUsersFile(Text());

    public ServerProcess Process => _process!;

    public TestUsersFile Users { get; }

    protected virtual IEnumerable<string> Settings => [];

    protected virtual IReadOnlyDictionary<string, string>? Environment => null;

    /// <summary>The networks of anonymous clients, which may read orders; empty for none.</summary>
    protected virtual string AnonymousFrom => "";

    /// <summary>Returns the header that sends the secret of a user.</summary>
    public static string Bearer(string user) => $"Authorization: Bearer {Secrets[user]}";

    /// <summary>Returns the text of the users file.</summary>
    /// <param name="without">A user to leave out.</param>
    /// <param name="orders">The prefix of the grants for orders.</param>
    public string Text(string without = "", string orders = "order:")
    {
        string anonymous = AnonymousFrom == "" ? "null" : $$"""{"roles": ["read"], "from": ["{{AnonymousFrom}}"]}""";
        string[] users =
        [
            User("reader", "read"), User("writer", "read", "write"), User("watcher", "watch"), User("other", "other"), User("ops", "ops"),
            User("root", "all", "ops"),
            User("disabled", "all").Replace("[\"all\"]", "[\"all\"], \"enabled\": false", StringComparison.Ordinal),
            User("expired", "all").Replace("\"}]", "\", \"expires\": \"2020-01-01T00:00:00Z\"}]", StringComparison.Ordinal),
        ];
        IEnumerable<string> kept = users.Where(user => without == "" || !user.StartsWith($"\"{without}\"", StringComparison.Ordinal));
        return $$$"""
            {"version": 1,
             "roles": {
                "read": {"grants": [{"prefix": "{{{orders}}}", "allow": ["read"]}]},
                "write": {"grants": [{"prefix": "{{{orders}}}", "allow": ["write"]}]},
                "watch": {"grants": [{"prefix": "{{{orders}}}", "allow": ["watch"]}]},
                "other": {"grants": [{"prefix": "user:", "allow": ["read", "write", "watch"]}]},
                "all": {"grants": [{"prefix": "", "allow": ["read", "write", "watch"]}]},
                "ops": {"server": ["admin", "metrics"]}},
             "users": { {{{string.Join(", ", kept)}}} },
             "anonymous": {{{anonymous}}}}
            """;
    }

    /// <summary>Removes a user.</summary>
    public void Remove(string user) => Users.Write(Text(user));

    /// <summary>Replaces the values of the keys.</summary>
    public async Task SeedAsync()
    {
        Assert.True((await CallAsync("root", "PUT", "/v1/keys/order:1", "{\"n\": 1}")).Status < 300);
        Assert.True((await CallAsync("root", "PUT", "/v1/keys/user:1", $"\"{Canary.Value}\"")).Status < 300);
    }

    /// <summary>Sends a request with the secret of a user; without one if the user is empty.</summary>
    internal Task<RawResponse> CallAsync(string user, string method, string target, string? body = null, params string[] headers) =>
        Process.CallAsync(method, target, body, user == "" ? headers : [Bearer(user), .. headers]);

    public async Task InitializeAsync()
    {
        _process = await ServerProcess.StartAsync([Users.Setting, .. Settings], Environment);
        await SeedAsync();
    }

    public async Task DisposeAsync()
    {
        await Process.DisposeAsync();
        Users.Dispose();
    }

    private static string User(string name, params string[] roles) =>
        $$"""
        "{{name}}": {"roles": [{{string.Join(", ", roles.Select(role => $"\"{role}\""))}}], "secrets": [{"sha256": "{{TestUsersFile.HashOf(Secrets[name])}}"}]}
        """;
}

/// <summary>A server whose clients on this machine may read orders without authentication.</summary>
public sealed class AnonymousServer : UsersServer
{
    protected override string AnonymousFrom => "127.0.0.0/8";
}
