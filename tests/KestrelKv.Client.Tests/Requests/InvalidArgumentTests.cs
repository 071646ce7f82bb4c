using System.Text;
using KestrelKv.Client.Testing;

namespace KestrelKv.Client.Tests.Requests;

/// <summary>An invalid argument causes an exception that names it and what was expected, before the client even connects.</summary>
public sealed class InvalidArgumentTests
{
    private const string Lone = "a\ud800b";
    private const string LoneMessage = "has a lone surrogate at index 1, expected valid UTF-16";

    public static TheoryData<string, Func<KestrelKvClient, Task>, string, string> Calls() => new()
    {
        { "key", client => client.GetAsync<int>(Lone).AsTask(), "key", $"The key {LoneMessage}" },
        { "path of a read", client => client.GetAsync<int>("k", new() { Path = "/" + Lone }).AsTask(), "options", "The path has a lone surrogate at index 2, expected valid UTF-16" },
        { "path of a write", client => client.PutAsync("k", 1, new() { Path = "/" + Lone }).AsTask(), "options", "The path has a lone surrogate at index 2" },
        { "prefix of a scan", client => First(client.ScanKeysAsync(Lone)), "prefix", $"The prefix {LoneMessage}" },
        { "prefix of a count", client => client.CountAsync(Lone).AsTask(), "prefix", $"The prefix {LoneMessage}" },
        { "prefix of a watch", client => First(client.WatchAsync<int>(Lone)), "prefix", $"The prefix {LoneMessage}" },
        { "prefix of a snapshot", client => First(client.SnapshotThenWatchAsync<int>(Lone)), "prefix", $"The prefix {LoneMessage}" },
        { "prefix of a mirror", client => client.MirrorAsync<int>(Lone), "prefix", $"The prefix {LoneMessage}" },
        { "missing prefix of a snapshot", client => First(client.SnapshotThenWatchAsync<int>(null!)), "prefix", "" },
        { "After", client => First(client.ScanKeysAsync("", new() { After = Lone })), "options", $"The After {LoneMessage}" },
        { "Until", client => First(client.ScanKeysAsync("", new() { Until = Lone })), "options", $"The Until {LoneMessage}" },
        { "delimiter", client => First(client.ScanTreeAsync("", Lone)), "delimiter", $"The delimiter {LoneMessage}" },
        { "long timeout of a scan", client => First(client.ScanKeysAsync("", new() { Timeout = TimeSpan.MaxValue })), "options", "Timeout is" },
        { "page size", client => First(client.ScanKeysAsync("", new() { PageSize = 0 })), "options", "PageSize is 0, expected 1 to 1000" },
        { "long prefix", client => client.CountAsync(new('x', 4_097)).AsTask(), "prefix", "The prefix has 4097 bytes, expected at most 4096" },
        { "Touch", client => client.GetAsync<int>("k", new() { Touch = TimeSpan.Zero }).AsTask(), "options", "Touch is 00:00:00, expected a time greater than zero" },
        { "not UTF-8", client => client.PutUtf8Async("k", (byte[])[(byte)'"', 0xff, (byte)'"']).AsTask(), "json", "not valid UTF-8" },
        { "not UTF-8 in a merge", client => client.MergeUtf8Async("k", (byte[])[(byte)'"', 0xff, (byte)'"']).AsTask(), "json", "not valid UTF-8" },
        { "long timeout of a read", client => client.GetAsync<int>("k", new() { Timeout = TimeSpan.MaxValue }).AsTask(), "options", "expected more than zero and at most 1.00:00:00" },
        { "long timeout of a write", client => client.PutAsync("k", 1, new() { Timeout = TimeSpan.FromDays(1.1) }).AsTask(), "options", "at most 1.00:00:00" },
        { "negative timeout", client => client.PingAsync(new() { Timeout = TimeSpan.FromSeconds(-1) }).AsTask(), "options", "Timeout is -00:00:01" },
        { "no timeout of an update", client => client.UpdateAsync<int>("k", _ => 1, new() { Timeout = TimeSpan.Zero }).AsTask(), "options", "Timeout is 00:00:00" },
        { "long timeout of an update", client => client.UpdateAsync<int>("k", _ => 1, new() { Timeout = TimeSpan.MaxValue }).AsTask(), "options", "at most 1.00:00:00" },
    };

    [Theory]
    [MemberData(nameof(Calls))]
    public async Task Call_WithAnInvalidArgument_NamesItAndSendsNothing(string name, Func<KestrelKvClient, Task> call, string argument, string message)
    {
        Assert.NotEmpty(name);
        int connections = 0;
        await using var server = new InMemoryServer();
        await using KestrelKvClient client = server.CreateClient(options => options.ConnectCallback = token =>
        {
            connections++;
            return server.ConnectAsync(token);
        });
        ArgumentException e = await Assert.ThrowsAnyAsync<ArgumentException>(() => call(client));

        Assert.Equal(argument, e.ParamName);
        Assert.Contains(message, e.Message, StringComparison.Ordinal);
        Assert.Equal(0, connections);
        Assert.Equal(0, client.CallsInProgress);
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(1, false)]
    public async Task Request_AtTheLimitOfTheServer_IsSent(int more, bool isSent)
    {
        const int limit = 2_000;
        await using var server = new InMemoryServer();
        await using KestrelKvClient client = server.CreateClient(options =>
            (options.RequestBytesMax, options.Retry) = (limit, WriteRetry.AtMostOnce));
        string around = """{"func": "PUT", "params": {"obj": "k", "val": "", "meta": true}}""";
        string value = new('x', limit - around.Length + more);

        ValueTask<WriteResult> put = client.PutUtf8Async("k", Encoding.UTF8.GetBytes($"\"{value}\""));
        if (isSent) Assert.True((await put).Applied);
        else Assert.Contains("The request has more than 2000 bytes", (await Assert.ThrowsAsync<ArgumentException>(() => put.AsTask())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_OfALargeQueue_TakesTheWholeNumber() =>
        Assert.Equal(5_000_000_000, KestrelKvClientOptions.Parse("Host=h;QueuedBytesMax=5000000000").QueuedBytesMax);

    private static async Task First<T>(IAsyncEnumerable<T> items)
    {
        await foreach (T _ in items) return;
    }

    [Fact]
    public async Task Value_WithoutEnd_IsRefusedAtTheLimit()
    {
        await using var client = new KestrelKvClient(new KestrelKvClientOptions { RequestBytesMax = 10_000 });
        ArgumentException e = await Assert.ThrowsAsync<ArgumentException>(() => client.PutAsync("k", Endless()).AsTask());
        Assert.Contains("more than 10000 bytes", e.Message, StringComparison.Ordinal);

        static IEnumerable<int> Endless()
        {
            while (true) yield return 7;
        }
    }
}
