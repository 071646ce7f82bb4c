using KestrelKv.Testing;

namespace KestrelKv.Client.Tests.Chaos;

/// <summary>TLS, authentication and rights.</summary>
public sealed class SecurityTests : IDisposable
{
    // The prefix kkv_ makes the server's log and errors fail the test if they contain a secret.
    private const string One = "kkv_one";
    private const string Two = "kkv_two";
    private const string Three = "kkv_three";

    private readonly TestAuthority _authority = new();
    private readonly TestUsersFile _users = new(UsersWith(One));

    public void Dispose()
    {
        _authority.Dispose();
        _users.Dispose();
    }

    [Fact]
    public async Task SecretRotated_WhileConnected_ContinuesWithTheNewOne()
    {
        await using ServerProcess server = await StartAsync();
        string secret = One;
        KestrelKvClientOptions options = Options(server, "app");
        options.SecretProvider = _ => new(Volatile.Read(ref secret));
        await using var client = new KestrelKvClient(options);
        var load = new Load(client, "app:", new Random(Seeds.Seed));
        load.Begin(10);
        using var stop = new CancellationTokenSource(Wait.Patience);
        await using IAsyncEnumerator<WatchEvent<int>> watch = client.WatchAsync<int>("app:watched", cancellationToken: stop.Token).GetAsyncEnumerator(stop.Token);
        await using Mirror<int> mirror = await client.MirrorAsync<int>("app:watched", stop.Token);
        ValueTask<bool> next = watch.MoveNextAsync();
        await load.AwaitCallsAsync(200);

        // Both secrets are valid for a while, so that no call fails.
        _users.Write(UsersWith(One, Two));
        await AwaitReloadsAsync(server, 1);
        Volatile.Write(ref secret, Two);
        await load.AwaitCallsAsync(200);
        _users.Write(UsersWith(Two));
        await AwaitReloadsAsync(server, 2);
        await load.AwaitCallsAsync(500);
        await load.EndAsync();
        await load.CheckAsync(client);

        Task<bool> changed = next.AsTask();
        await Wait.UntilAsync(
            async () =>
            {
                await client.PutAsync("app:watched", 1);
                return changed.IsCompleted;
            },
            () => "the watch reports nothing");
        Assert.True(await changed);
        WriteResult last = await client.PutAsync("app:watched", 2);
        await mirror.WaitForVersionAsync(last.Version, stop.Token);
    }

    [Fact]
    public async Task SecretRevoked_RefusesCallsUntilThereIsAValidOne()
    {
        await using ServerProcess server = await StartAsync();
        string secret = One;
        KestrelKvClientOptions options = Options(server, "app");
        options.SecretProvider = _ => new(Volatile.Read(ref secret));
        await using var client = new KestrelKvClient(options);
        await client.PutAsync("app:k", 1);
        await client.GetAsync<int>("app:k");

        _users.Write(UsersWith(Two));
        await AwaitReloadsAsync(server, 1);
        foreach (Func<Task> call in (Func<Task>[])[() => client.PutAsync("app:k", 2).AsTask(), () => client.GetAsync<int>("app:k").AsTask(), () => client.PingAsync().AsTask()])
        {
            // The first call can have been sent before the client saw that its connection is closed.
            await Wait.UntilAsync(async () => (await Record.ExceptionAsync(call)) is RefusedException { Code: "auth_failed" }, () => "the revoked secret is accepted");
            RefusedException refused = await Assert.ThrowsAsync<RefusedException>(call);
            Assert.Equal("auth_failed", refused.Code);
            Assert.DoesNotContain(One, refused.ToString(), StringComparison.Ordinal);
        }

        Volatile.Write(ref secret, Two);
        Assert.True((await client.PutAsync("app:k", 3)).Applied);
        Assert.Equal(3, (await client.GetAsync<int>("app:k")).Value);
    }

    [Fact]
    public async Task UserWithoutTheRight_IsRefused()
    {
        await using ServerProcess server = await StartAsync();
        await using var app = new KestrelKvClient(Options(server, "app", One));
        await app.PutAsync("app:k", 1);
        await using var reader = new KestrelKvClient(Options(server, "reader", Three));
        Assert.Equal(1, (await reader.GetAsync<int>("app:k")).Value);
        await AssertForbiddenAsync(() => reader.PutAsync("app:k", 2).AsTask());
        await AssertForbiddenAsync(() => reader.DeleteAsync("app:k").AsTask());
        await AssertForbiddenAsync(() => reader.IncrementAsync("app:k").AsTask());
        await AssertForbiddenAsync(() => reader.GetAsync<int>("other").AsTask());
        await AssertForbiddenAsync(() => reader.GetManyAsync<int>(["app:k", "other"]).AsTask());
        await AssertForbiddenAsync(() => reader.CountAsync("").AsTask());
        Assert.Equal(1, (await AssertForbiddenAsync(() => reader.CreateBatch().Get("app:k").Put("app:k", 2).CommitAsync().AsTask())).Index);
        await AssertForbiddenAsync(() => EnumerateAsync(reader.WatchAsync<int>("app:")));
        await AssertForbiddenAsync(() => EnumerateAsync(reader.SnapshotThenWatchAsync<int>("app:")));
        await AssertForbiddenAsync(() => reader.MirrorAsync<int>("app:"));
        Assert.Equal(1, (await reader.GetAsync<int>("app:k")).Value);
    }

    [Fact]
    public async Task UntrustedServer_IsRefusedBeforeTheSecretIsSent()
    {
        await using ServerProcess server = await StartAsync();
        using var other = new TestAuthority("other");
        KestrelKvClientOptions options = Options(server, "app", One);
        (options.TlsAuthority, options.Timeout) = (other.RootFile, TimeSpan.FromSeconds(1));
        await using var client = new KestrelKvClient(options);
        NotSentException failure = await Assert.ThrowsAsync<NotSentException>(async () => await client.PutAsync("app:k", 1));
        Assert.Contains("certificate", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(One, failure.ToString(), StringComparison.Ordinal);
    }

    private Task<ServerProcess> StartAsync() => ServerProcess.StartAsync([_users.Setting, $"Wire:Tls:Certificate={_authority.IssueServer()}"]);

    private KestrelKvClientOptions Options(ServerProcess server, string user, string? secret = null)
    {
        string login = secret is null ? "" : $"{user}:{secret}@";
        KestrelKvClientOptions options = KestrelKvClientOptions.Parse($"kestrelkvs://{login}localhost:{server.TlsPort}?timeout=60");
        options.User = user;
        options.TlsAuthority = _authority.RootFile;
        options.ReconnectDelayMax = TimeSpan.FromMilliseconds(200);
        return options;
    }

    private static Task AwaitReloadsAsync(ServerProcess server, int count) => Wait.UntilAsync(
        () => server.Log.Split("the users file was reloaded").Length > count, () => server.Log);

    private static async Task<RefusedException> AssertForbiddenAsync(Func<Task> call)
    {
        RefusedException refused = await Assert.ThrowsAsync<RefusedException>(call);
        Assert.Equal("forbidden", refused.Code);
        return refused;
    }

    private static async Task EnumerateAsync(IAsyncEnumerable<WatchEvent<int>> events)
    {
        await foreach (WatchEvent<int> _ in events)
        {
        }
    }

    /// <summary>Returns a users file in which <c>app</c> may do everything with its keys, and <c>reader</c> may read them.</summary>
    private static string UsersWith(params string[] secrets)
    {
        string list = string.Join(", ", secrets.Select(secret => $$"""{"sha256": "{{TestUsersFile.HashOf(secret)}}"}"""));
        return $$$$"""
            {"version": 1,
             "roles": {
                "all": {"grants": [{"prefix": "app:", "allow": ["read", "write", "watch"]}]},
                "read": {"grants": [{"prefix": "app:", "allow": ["read"]}]}},
             "users": {
                "app": {"roles": ["all"], "secrets": [{{{{list}}}}]},
                "reader": {"roles": ["read"], "secrets": [{"sha256": "{{{{TestUsersFile.HashOf(Three)}}}}"}]}}}
            """;
    }
}
