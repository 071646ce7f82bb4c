using System.Buffers;
using System.IO.Pipelines;
using KestrelKv.Client;
using KestrelKv.Client.Testing;
using KestrelKv.Extensions.AspNetCore;
using KestrelKv.Extensions.AspNetCore.OutputCaching;
using KestrelKv.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.OutputCaching;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace KestrelKv.Extensions.Tests.AspNetCore;

public sealed class OutputCacheTests : IAsyncLifetime, IAsyncDisposable
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private readonly TestTime _time = new();
    private readonly InMemoryServer _server;
    private readonly KestrelKvClient _client;
    private readonly KestrelKvOutputCacheStore _store;

    public OutputCacheTests()
    {
        _server = new(_time);
        _client = _server.CreateClient();
        _store = new(_client, new(), _time);
    }

    public Task InitializeAsync() => Task.CompletedTask;

    Task IAsyncLifetime.DisposeAsync() => DisposeAsync().AsTask();

    public async ValueTask DisposeAsync()
    {
        await _client.DisposeAsync();
        await _server.DisposeAsync();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(1_000_000)]
    public async Task Page_Stored_IsReturned(int size)
    {
        byte[] page = new byte[size];
        new Random(size).NextBytes(page);
        Assert.Null(await _store.GetAsync("a", default));
        await _store.SetAsync("a", page, null, Minute, default);
        await _store.SetAsync("b", new ReadOnlySequence<byte>(page), new string[] { "t" }, Minute, default);
        Assert.Equal(page, await _store.GetAsync("a", default));
        Assert.Equal(page, await _store.GetAsync("b", default));
        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 0));
        Assert.True(await _store.TryGetAsync("b", pipe.Writer, default));
        Assert.False(await _store.TryGetAsync("c", pipe.Writer, default));
        await pipe.Writer.CompleteAsync();
        ReadResult read = await pipe.Reader.ReadAtLeastAsync(Math.Max(1, size));
        Assert.Equal(page, read.Buffer.ToArray());
    }

    [Fact]
    public async Task Page_Expired_LeavesNothingBehind()
    {
        await _store.SetAsync("a", [1], ["t", "u"], Minute, default);
        await _store.SetAsync("b", [1], null, TimeSpan.Zero, default);
        Assert.Equal(3, await _client.CountAsync(""));
        _time.Advance(Minute + TimeSpan.FromSeconds(1));
        Assert.Null(await _store.GetAsync("a", default));
        Assert.Equal(0, await _client.CountAsync(""));
    }

    [Fact]
    public async Task EvictByTag_RemovesItsPagesOnly()
    {
        await _store.SetAsync("1", [1], ["a"], Minute, default);
        await _store.SetAsync("2/b", [1], ["a/b"], Minute, default);
        await _store.SetAsync("3", [1], ["a%2Fb"], Minute, default);
        await _store.SetAsync("4", [1], ["b", "a", "b"], Minute, default);
        await _store.SetAsync("5", [1], null, Minute, default);
        await _store.EvictByTagAsync("a", default);
        Assert.Equal("2/b 3 5", await StoredAsync("1", "2/b", "3", "4", "5"));
        await _store.EvictByTagAsync("a/b", default);
        Assert.Equal("3 5", await StoredAsync("1", "2/b", "3", "4", "5"));
        await _store.EvictByTagAsync("missing", default);
        Assert.Equal("3 5", await StoredAsync("3", "5"));
    }

    [Fact]
    public async Task EvictByTag_ManyPages_RemovesAll()
    {
        for (int i = 0; i < 1_100; i++) await _store.SetAsync($"{i}", [1], ["t"], Minute, default);
        await _store.EvictByTagAsync("t", default);
        _time.Advance(TimeSpan.FromSeconds(6));
        Assert.Equal(0, await _client.CountAsync(""));
    }

    [Fact]
    public async Task Set_SoonAfterEviction_IsNotStored()
    {
        await _store.SetAsync("old", [1], ["t"], Minute, default);
        await _store.EvictByTagAsync("t", default);
        await _store.SetAsync("old", [1], ["u", "t"], Minute, default);
        await _store.SetAsync("other", [1], ["u"], Minute, default);
        Assert.Equal("other", await StoredAsync("old", "other"));
        _time.Advance(TimeSpan.FromSeconds(6));
        await _store.SetAsync("old", [2], ["t"], Minute, default);
        Assert.Equal("old other", await StoredAsync("old", "other"));
    }

    [Fact]
    public async Task Set_DuringEviction_LeavesNoPageOnceItHasEnded()
    {
        for (int round = 0; round < 20; round++)
        {
            string tag = $"t{round}";
            Task[] sets = [.. Enumerable.Range(0, 50).Select(i => _store.SetAsync($"{round}-{i}", [1], [tag], Minute, default).AsTask())];
            await _store.EvictByTagAsync(tag, default);
            Assert.Equal(0, await _client.CountAsync($"output-cache:tag:{tag}/"));
            await Task.WhenAll(sets);
            Assert.Equal(0, await _client.CountAsync($"output-cache:page:{round}-"));
        }
    }

    [Fact]
    public async Task Pause_Zero_StoresAllPages()
    {
        var store = new KestrelKvOutputCacheStore(_client, new() { EvictionPause = TimeSpan.Zero }, _time);
        await store.EvictByTagAsync("t", default);
        await store.SetAsync("a", [1], ["t"], Minute, default);
        Assert.Equal("a", await StoredAsync("a"));
    }

    [Fact]
    public async Task LongKeysAndTags_Work()
    {
        string key = new('k', 10_000), tag = new('t', 10_000);
        await _store.SetAsync(key, [1], [tag], Minute, default);
        await _store.SetAsync(key + "2", [2], null, Minute, default);
        Assert.Equal([1], await _store.GetAsync(key, default));
        Assert.Equal([2], await _store.GetAsync(key + "2", default));
        await _store.EvictByTagAsync(tag, default);
        Assert.Null(await _store.GetAsync(key, default));
        Assert.Equal([2], await _store.GetAsync(key + "2", default));
    }

    [Fact]
    public void Options_Invalid_AreRefused()
    {
        Assert.Contains("Prefix is empty", Refusal(options => options.Prefix = ""), StringComparison.Ordinal);
        Assert.Contains("EvictionPause is -00:01:00", Refusal(options => options.EvictionPause = -Minute), StringComparison.Ordinal);
        Assert.Contains(
            "EvictionPause is 00:00:00.0000001", Refusal(options => options.EvictionPause = TimeSpan.FromTicks(1)), StringComparison.Ordinal);

        string Refusal(Action<KestrelKvOutputCacheOptions> configure)
        {
            using ServiceProvider services = new ServiceCollection().AddSingleton(_client).AddKestrelKvOutputCache()
                .Configure(configure).BuildServiceProvider();
            return Assert.Throws<OptionsValidationException>(services.GetRequiredService<IOutputCacheStore>).Message;
        }
    }

    [Fact]
    public async Task Page_OfOneApplication_IsServedByTheOther()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        await using var client = new KestrelKvClient($"Host=127.0.0.1;Port={server.WirePort}");
        int rendered = 0;
        await using TestApplication first = await StartAsync(), second = await StartAsync();
        using var browser = new HttpClient();
        string page = await GetAsync(first, "page");
        Assert.Equal("1", page[..1]);
        Assert.Equal(page, await GetAsync(second, "page"));
        Assert.Equal(page, await GetAsync(first, "page"));
        Assert.Equal("2", (await GetAsync(second, "page?q=" + new string('q', 5_000)))[..1]);
        Assert.IsType<KestrelKvOutputCacheStore>(second.Services.GetRequiredService<IOutputCacheStore>());
        await second.Services.GetRequiredService<IOutputCacheStore>().EvictByTagAsync("pages", default);
        Assert.Equal("3", (await GetAsync(first, "page"))[..1]);

        // The key of a page contains the host and the port.
        async Task<string> GetAsync(TestApplication application, string path)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(application.Address, path));
            request.Headers.Host = "app.example";
            using HttpResponseMessage response = await browser.SendAsync(request);
            return await response.Content.ReadAsStringAsync();
        }

        Task<TestApplication> StartAsync() => TestApplication.StartAsync(
            client,
            services => services.AddKestrelKvOutputCache(),
            application =>
            {
                application.UseOutputCache();
                application.MapGet("page", () => $"{Interlocked.Increment(ref rendered)} {new string('x', 100_000)}")
                    .CacheOutput(policy => policy.Tag("pages").Expire(Minute));
            });
    }

    [Fact]
    public async Task Server_Unreachable_PagesAreRendered()
    {
        await using var server = new InMemoryServer { AcceptsConnections = false };
        await using KestrelKvClient client = server.CreateClient(options => options.Timeout = TimeSpan.FromMilliseconds(100));
        await using TestApplication application = await TestApplication.StartAsync(
            client,
            services => services.AddKestrelKvOutputCache(),
            application =>
            {
                application.UseOutputCache();
                application.MapGet("page", () => "rendered").CacheOutput();
            });
        using var browser = new HttpClient();
        Assert.Equal("rendered", await browser.GetStringAsync(new Uri(application.Address, "page")));
    }

    private async Task<string> StoredAsync(params string[] keys)
    {
        var stored = new List<string>();
        foreach (string key in keys)
            if (await _store.GetAsync(key, default) is not null) stored.Add(key);
        return string.Join(' ', stored);
    }
}
