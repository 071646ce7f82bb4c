using System.Buffers;
using System.Text;
using System.Text.Json;
using KestrelKv.Client.Testing;
using KestrelKv.Testing;
using Microsoft.Extensions.Time.Testing;

namespace KestrelKv.Client.Tests.Documents;

/// <summary>The C# examples of the pages of the client, of its testing package, and of the repository. They are compiled and run here.</summary>
public sealed class ReadmeTests
{
    private const string TestFile = "tests/KestrelKv.Client.Tests/Documents/ReadmeTests.cs";

    private sealed record User(string Name, int Visits);

    /// <summary>Keeps what the examples print.</summary>
    private Output Console { get; } = new();

    [Fact]
    public void Examples_OfThePages_AreThoseOfThisFile()
    {
        Examples.AssertAreIn(
            TestFile, "src/KestrelKv.Client/README.md", 13,
            ("\"kestrelkv://localhost\"", "address"), ("\"secret.txt\"", "secretFile"), ("\"kestrelkvs://app@db.example?TlsAuthority=ca.pem\"", "address"));
        Examples.AssertAreIn(TestFile, "src/KestrelKv.Client.Testing/README.md", 4);
        Examples.AssertAreIn(TestFile, "README.md", 1, ("\"kestrelkv://localhost\"", "address"));
    }

    [Fact]
    public async Task QuickStart_OfTheRepository_Works()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        string address = AddressOf(server);

        await using var kv = new KestrelKvClient(address);
        await kv.PutAsync("user:3", new { Name = "Barbara", Visits = 3 });
        Console.WriteLine((await kv.GetAsync<JsonElement>("user:3")).Value);

        Assert.Equal(["""{"name":"Barbara","visits":3}"""], Console.Lines);
    }

    [Fact]
    public async Task FirstExample_OfTheClient_Works()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        string address = AddressOf(server);

        await using var kv = new KestrelKvClient(address);

        await kv.PutAsync("user:1", new User("Ada", 1));
        Entry<User> user = await kv.GetAsync<User>("user:1");
        if (user.Found) Console.WriteLine($"{user.Value!.Name}, version {user.Version}");
        await kv.PutAsync("session:7", "open", new() { Expiry = TimeSpan.FromMinutes(20) });
        IncrementResult<long> visits = await kv.IncrementAsync("user:1", 1, new() { Path = "/visits" });
        await foreach (Entry<User> each in kv.ScanAsync<User>("user:")) Console.WriteLine(each.Key);
        await kv.DeleteAsync("user:1");

        Assert.Equal(["Ada, version 1", "user:1"], Console.Lines);
        Assert.Equal(2, visits.Value);
        Assert.NotNull((await kv.GetAsync<string>("session:7")).ExpiresAt);
    }

    [Fact]
    public async Task AnyFunction_OfTheClient_Works()
    {
        await using var fake = new InMemoryServer();
        await using KestrelKvClient kv = fake.CreateClient();
        await kv.PutAsync("user:1", 1);

        var response = new ArrayBufferWriter<byte>();
        await kv.CallUtf8Async("SCAN", "\"prefix\": \"user:\", \"count_only\": true"u8.ToArray(), response, mayRepeat: true);

        Assert.StartsWith("{\"count\": 1", Encoding.UTF8.GetString(response.WrittenSpan), StringComparison.Ordinal);
        await Assert.ThrowsAsync<ArgumentException>(() => kv.CallUtf8Async("WATCH", default, response, mayRepeat: true).AsTask());
        RefusedException refused = await Assert.ThrowsAsync<RefusedException>(() => kv.CallUtf8Async("GET", "\"key\": 1"u8.ToArray(), response, mayRepeat: true).AsTask());
        Assert.Equal("unknown_parameter", refused.Code);
    }

    [Fact]
    public async Task Results_OfTheClient_AreAsPrinted()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        await using var kv = new KestrelKvClient(AddressOf(server));

        Entry<User> user = await kv.GetAsync<User>("user:2");
        WriteResult created = await kv.PutAsync("user:2", new User("Grace", 1), new() { IfExists = false });
        WriteResult late = await kv.PutAsync("user:2", new User("Grace", 9), new() { IfVersion = user.Version });
        Console.WriteLine($"{user.Found} {created.Applied} {late.Applied} {late.Status}"); // False True False PreconditionFailed

        await kv.PutAsync("motto", "tea");
        try
        {
            await kv.IncrementAsync("motto");
        }
        catch (RefusedException e)
        {
            Console.WriteLine(e.Code); // for example, not_a_number
        }

        Assert.Equal(["False True False PreconditionFailed", "not_a_number"], Console.Lines);
    }

    [Fact]
    public async Task PatchesAndBatches_OfTheClient_Work()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        await using var kv = new KestrelKvClient(AddressOf(server));

        await kv.PutAsync("user:3", new User("B.", 0));

        await kv.PutAsync("user:3", "Barbara", new() { Path = "/name" });
        await kv.MergeAsync("user:3", new { Team = "red", Visits = 3 });
        WriteResult patched = await kv.PatchAsync("user:3", new JsonPatch().Test("/team", "red").Replace("/team", "blue"));
        string? team = (await kv.GetAsync<string>("user:3", new() { Path = "/team" })).Value;

        Entry<User> updated = await kv.UpdateAsync<User>(
            "user:3", user => user.Found ? user.Value! with { Visits = user.Value.Visits * 2 } : new User("Ada", 1));

        BatchResult transfer = await kv.CreateBatch()
            .Increment("account:1", -20)
            .Increment("account:2", 20)
            .Put("transfer:9", new { From = 1, To = 2, Amount = 20 }, new() { IfExists = false })
            .CommitAsync();
        if (transfer.Applied) Console.WriteLine(transfer.GetIncrement(1).Value);

        Assert.Equal((true, "blue", new User("Barbara", 6)), (patched.Applied, team, updated.Value));
        Assert.Equal(["20"], Console.Lines);
    }

    [Fact]
    public async Task Scans_OfTheClient_ListKeysAndTheTree()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        await using var kv = new KestrelKvClient(AddressOf(server));
        foreach (string key in (string[])["file:docs/a", "file:docs/b", "file:readme"]) await kv.PutAsync(key, 1);

        await foreach (KeyInfo key in kv.ScanKeysAsync("file:", new() { After = "file:docs/", Limit = 100 })) Console.WriteLine(key.Key);
        await foreach (KeyNode node in kv.ScanTreeAsync("file:", "/")) Console.WriteLine($"{node.Key} {node.Count}");
        long files = await kv.CountAsync("file:");

        Assert.Equal(["file:docs/a", "file:docs/b", "file:readme", "file:docs/ 2", "file:readme 1"], Console.Lines);
        Assert.Equal(3, files);
    }

    [Fact]
    public async Task Watches_OfTheClient_ReportChanges()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        await using var kv = new KestrelKvClient(AddressOf(server));

        // The changes are repeated until the watch is open.
        Task watching = RunUntilAsync(() => Console.Lines.Distinct().Count() == 2, WatchAsync);
        while (!watching.IsCompleted)
        {
            await kv.PutAsync("user:1", new User("Ada", 1));
            await kv.ExpireAsync("user:1", TimeSpan.FromHours(1));
            await kv.DeleteAsync("user:1");
            await Task.Yield();
        }
        await watching;
        Assert.Equal(["user:1 = User { Name = Ada, Visits = 1 }", "user:1 is gone"], Console.Lines.Distinct().Order());

        async Task WatchAsync(CancellationToken stop)
        {
            await foreach (WatchEvent<User> change in kv.WatchAsync<User>("user:", cancellationToken: stop))
            {
                if (change.Kind == WatchEventKind.Put) Console.WriteLine($"{change.Key} = {change.Value}");
                else if (change.IsRemoval) Console.WriteLine($"{change.Key} is gone");
            }
        }
    }

    [Fact]
    public async Task Snapshots_OfTheClient_ReportEntriesFirst()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        await using var kv = new KestrelKvClient(AddressOf(server));
        await kv.PutAsync("user:2", new User("Grace", 1));
        Dictionary<string, User> users = new() { ["user:9"] = new("Removed", 0) };
        await RunUntilAsync(() => Console.Lines.Count == 1, SnapshotAsync);
        Assert.Equal(["1 users"], Console.Lines);
        Assert.Equal(["user:2"], users.Keys);

        async Task SnapshotAsync(CancellationToken stop)
        {
            await foreach (WatchEvent<User> change in kv.SnapshotThenWatchAsync<User>("user:", cancellationToken: stop))
            {
                if (change.Kind == WatchEventKind.Reset) users.Clear();
                else if (change.Kind == WatchEventKind.CaughtUp) Console.WriteLine($"{users.Count} users");
                else if (change.Kind == WatchEventKind.Put) users[change.Key] = change.Value!;
                else if (change.IsRemoval) users.Remove(change.Key);
            }
        }
    }

    [Fact]
    public async Task MirrorAndParallelCalls_OfTheClient_Work()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        await using var kv = new KestrelKvClient(AddressOf(server));

        await using Mirror<User> users = await kv.MirrorAsync<User>("user:");
        WriteResult written = await kv.PutAsync("user:4", new User("Edsger", 1));
        await users.WaitForVersionAsync(written.Version);
        Console.WriteLine(users["user:4"].Value!.Name);

        Task<WriteResult>[] writes = [.. Enumerable.Range(1, 100).Select(i => kv.PutAsync($"item:{i}", i).AsTask())];
        await Task.WhenAll(writes);

        Assert.Equal(["Edsger"], Console.Lines);
        Assert.Equal(100, await kv.CountAsync("item:"));
    }

    [Fact]
    public async Task ConnectionString_WithSecretProvider_Authenticates()
    {
        // The prefix kkv_ makes the server's log fail the test if it contains the secret.
        const string Secret = "kkv_page";
        using var authority = new TestAuthority();
        using var users = new TestUsersFile($$$"""
            {"version": 1, "roles": {"all": {"grants": [{"prefix": "", "allow": ["read", "write"]}]} },
             "users": {"app": {"roles": ["all"], "secrets": [{"sha256": "{{{TestUsersFile.HashOf(Secret)}}}"}]} } }
            """);
        await using ServerProcess server = await ServerProcess.StartAsync([users.Setting, $"Wire:Tls:Certificate={authority.IssueServer()}"]);
        string address = $"kestrelkvs://app@localhost:{server.TlsPort}?TlsAuthority={authority.RootFile}";
        string secretFile = authority.PathTo("secret.txt");
        await File.WriteAllTextAsync(secretFile, Secret);

        var options = new KestrelKvClientOptions { SecretProvider = async stop => await File.ReadAllTextAsync(secretFile, stop) };
        options.Apply(address);

        await using var client = new KestrelKvClient(options);
        Assert.True((await client.PutAsync("user:1", "Ada")).Applied);
    }

    [Theory]
    [InlineData("kestrelkv://localhost", "localhost", false, null)]
    [InlineData("kestrelkvs://app:secret@db.example?TlsAuthority=ca.pem", "db.example", true, "app")]
    [InlineData("kestrelkvs://db.example?TlsCertificate=client.pem&TlsKey=client.key", "db.example", true, null)]
    [InlineData("Host=db.example;Tls=true;User=app;Secret=secret;Timeout=2", "db.example", true, "app")]
    public void ConnectionStrings_OfTheClient_AreValid(string text, string host, bool tls, string? user)
    {
        Assert.Contains($"| `{text}` |", File.ReadAllText(Repository.PathTo("src", "KestrelKv.Client", "README.md")), StringComparison.Ordinal);
        KestrelKvClientOptions options = KestrelKvClientOptions.Parse(text);
        Assert.Equal((host, tls, user), (options.Host, options.Tls, options.User));
    }

    [Fact]
    public async Task FirstExample_OfTheTestingPackage_Works()
    {
        await using var server = new InMemoryServer();
        await using KestrelKvClient client = server.CreateClient();

        await client.PutAsync("user:1", "Ada");
        Entry<string> user = await client.GetAsync<string>("user:1");
        Console.WriteLine(user.Value); // Ada

        Assert.Equal(["Ada"], Console.Lines);
    }

    [Fact]
    public async Task Expiry_OfTheTestingPackage_NeedsNoWaiting()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var server = new InMemoryServer(time);
        await using KestrelKvClient client = server.CreateClient();

        await client.PutAsync("session:7", "open", new() { Expiry = TimeSpan.FromMinutes(20) });
        time.Advance(TimeSpan.FromMinutes(21));
        Console.WriteLine((await client.GetAsync<string>("session:7")).Found); // False

        Assert.Equal(["False"], Console.Lines);
    }

    [Fact]
    public async Task Failures_OfTheTestingPackage_AreThoseOfANetwork()
    {
        await using var server = new InMemoryServer();
        await using KestrelKvClient client = server.CreateClient();
        await client.PutAsync("user:1", "Ada");

        server.DropConnections();
        Console.WriteLine((await client.GetAsync<string>("user:1")).Found); // True: the client has connected again

        server.AcceptsConnections = false;
        server.DropConnections();
        try
        {
            await client.GetAsync<string>("user:1", new() { Timeout = TimeSpan.FromMilliseconds(200) });
        }
        catch (KestrelKvException e)
        {
            Console.WriteLine(e.IsTimeout); // True
        }

        Assert.Equal(["True", "True"], Console.Lines);
    }

    [Fact]
    public async Task ConnectCallback_OfTheTestingPackage_ConnectsAClient()
    {
        await using var server = new InMemoryServer();
        var options = new KestrelKvClientOptions { ConnectCallback = server.ConnectAsync };
        await using var client = new KestrelKvClient(options);
        Console.WriteLine((await client.PutAsync("user:1", "Ada")).Applied); // True

        Assert.Equal(["True"], Console.Lines);
    }

    private static string AddressOf(ServerProcess server) => $"kestrelkv://127.0.0.1:{server.WirePort}";

    /// <summary>Runs an endless enumeration until a condition holds, and cancels it.</summary>
    private static async Task RunUntilAsync(Func<bool> condition, Func<CancellationToken, Task> enumerate)
    {
        using var stop = new CancellationTokenSource();
        Task enumeration = enumerate(stop.Token);
        await Wait.UntilAsync(() => enumeration.IsCompleted || condition(), () => "the events never came");
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => enumeration);
    }

    private sealed class Output
    {
        private readonly List<string> _lines = [];

        public IReadOnlyList<string> Lines
        {
            get
            {
                lock (_lines) return [.. _lines];
            }
        }

        public void WriteLine(object? value)
        {
            lock (_lines) _lines.Add($"{value}");
        }
    }
}
