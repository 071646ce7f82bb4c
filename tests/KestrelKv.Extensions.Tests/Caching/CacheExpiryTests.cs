using System.Buffers;
using KestrelKv.Client;
using KestrelKv.Extensions.Caching;
using KestrelKv.Testing;
using Microsoft.Extensions.Caching.Distributed;

namespace KestrelKv.Extensions.Tests.Caching;

/// <summary>Absolute, relative and sliding expiry, by a clock that the test advances.</summary>
public sealed class CacheExpiryTests : IAsyncLifetime, IAsyncDisposable
{
    private readonly CacheUnderTest _test = new();

    private KestrelKvDistributedCache Cache => _test.Cache;

    public Task InitializeAsync() => Task.CompletedTask;

    Task IAsyncLifetime.DisposeAsync() => DisposeAsync().AsTask();

    public ValueTask DisposeAsync() => _test.DisposeAsync();

    [Fact]
    public async Task None_NeverExpires()
    {
        await Cache.SetAsync("a", [1], new());
        Assert.Null(await _test.SecondsLeftAsync("a"));
        _test.Advance(1e9);
        Assert.NotNull(await Cache.GetAsync("a"));
    }

    [Fact]
    public async Task Default_AppliesToEntriesWithoutExpiryOnly()
    {
        await using var test = new CacheUnderTest(options => options.DefaultEntryOptions = new() { AbsoluteExpirationRelativeToNow = Seconds(10) });
        await test.Cache.SetAsync("a", [1], new());
        await test.Cache.SetAsync("b", [1], new() { AbsoluteExpirationRelativeToNow = Seconds(60) });
        Assert.Equal((10.0, 60.0), (await test.SecondsLeftAsync("a"), await test.SecondsLeftAsync("b")));
    }

    [Fact]
    public async Task Absolute_Passed_Expires()
    {
        await Cache.SetAsync("at", [1], new() { AbsoluteExpiration = _test.LocalTime.GetUtcNow().AddSeconds(10) });
        await Cache.SetAsync("relative", [1], new() { AbsoluteExpirationRelativeToNow = Seconds(10) });
        // The relative time takes precedence.
        await Cache.SetAsync("two", [1], new()
        {
            AbsoluteExpiration = _test.LocalTime.GetUtcNow().AddSeconds(5), AbsoluteExpirationRelativeToNow = Seconds(10),
        });
        for (int i = 0; i < 10; i++)
        {
            Assert.Equal((true, true, true), (await IsThereAsync("at"), await IsThereAsync("relative"), await IsThereAsync("two")));
            _test.Advance(0.999);
        }
        _test.Advance(0.01);
        Assert.Equal((false, false, false), (await IsThereAsync("at"), await IsThereAsync("relative"), await IsThereAsync("two")));
    }

    [Fact]
    public async Task Absolute_NotInTheFuture_IsRefused()
    {
        DateTimeOffset now = _test.LocalTime.GetUtcNow();
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => Cache.SetAsync("a", [1], new() { AbsoluteExpiration = now }));
        Assert.Throws<ArgumentOutOfRangeException>(() => Cache.Set("a", [1], new() { AbsoluteExpiration = now.AddHours(-1) }));
        ArgumentOutOfRangeException error = await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await Cache.SetAsync(
            "a", ReadOnlySequence<byte>.Empty, new() { AbsoluteExpiration = now.AddHours(-1), SlidingExpiration = Seconds(5) }));
        Assert.Contains("AbsoluteExpiration must be in the future", error.Message, StringComparison.Ordinal);
        Assert.Null(await Cache.GetAsync("a"));
    }

    [Fact]
    public async Task Times_BeyondTheLastYear_StandForNone()
    {
        await Cache.SetAsync("relative", [1], new() { AbsoluteExpirationRelativeToNow = TimeSpan.MaxValue });
        await Cache.SetAsync("sliding", [1], new() { SlidingExpiration = TimeSpan.MaxValue });
        await Cache.SetAsync("at", [1], new() { AbsoluteExpiration = DateTimeOffset.MaxValue });
        await Cache.SetAsync("both", [1], new() { AbsoluteExpirationRelativeToNow = TimeSpan.MaxValue, SlidingExpiration = Seconds(5) });
        Assert.Equal((null, null, null), (await _test.SecondsLeftAsync("relative"), await _test.SecondsLeftAsync("sliding"), await _test.SecondsLeftAsync("at")));
        Assert.Equal(5, await _test.SecondsLeftAsync("both"));
    }

    [Fact]
    public async Task Times_BelowAMillisecond_ExpireAfterOne()
    {
        await Cache.SetAsync("relative", [1], new() { AbsoluteExpirationRelativeToNow = TimeSpan.FromTicks(1) });
        await Cache.SetAsync("sliding", [1], new() { SlidingExpiration = TimeSpan.FromTicks(1) });
        await Cache.SetAsync("both", [1], new() { AbsoluteExpiration = _test.LocalTime.GetUtcNow().AddTicks(1), SlidingExpiration = Seconds(1) });
        _test.Advance(0.002);
        Assert.Equal((false, false, false), (await IsThereAsync("relative"), await IsThereAsync("sliding"), await IsThereAsync("both")));
    }

    [Fact]
    public async Task Sliding_NoAccess_Expires()
    {
        await Cache.SetAsync("a", [1], new() { SlidingExpiration = Seconds(80) });
        _test.Advance(79.9);
        Assert.True(await IsThereAsync("a"));
        _test.Advance(80.1);
        Assert.False(await IsThereAsync("a"));
    }

    [Theory]
    [InlineData("Get")]
    [InlineData("GetAsync")]
    [InlineData("TryGet")]
    [InlineData("TryGetAsync")]
    [InlineData("Refresh")]
    [InlineData("RefreshAsync")]
    public async Task Sliding_Access_ExtendsWithoutCommit(string method)
    {
        await Cache.SetAsync("a", [1], new() { SlidingExpiration = Seconds(80) });
        long version = await _test.VersionAsync();
        for (int i = 0; i < 20; i++)
        {
            _test.Advance(60);
            await AccessAsync(method, "a");
            Assert.Equal(80, await _test.SecondsLeftAsync("a"));
        }
        Assert.Equal(version, await _test.VersionAsync());
        _test.Advance(81);
        Assert.False(await IsThereAsync("a"));
    }

    [Fact]
    public async Task Sliding_Access_ExtendsOncePerEighthOfTheWindow()
    {
        await Cache.SetAsync("a", [1], new() { SlidingExpiration = Seconds(80) });
        _test.Advance(9.9);
        await Cache.GetAsync("a");
        await Cache.RefreshAsync("a");
        Assert.Equal(70.1, await _test.SecondsLeftAsync("a"));
        _test.Advance(0.1);
        await Cache.GetAsync("a");
        Assert.Equal(80, await _test.SecondsLeftAsync("a"));
    }

    [Fact]
    public async Task SlidingAndAbsolute_Access_NeverExtendsBeyondAbsolute()
    {
        await Cache.SetAsync("a", [1], new() { SlidingExpiration = Seconds(60), AbsoluteExpirationRelativeToNow = Seconds(100) });
        await Cache.SetAsync("b", [1], new() { SlidingExpiration = Seconds(60), AbsoluteExpiration = _test.LocalTime.GetUtcNow().AddSeconds(100) });
        await Cache.SetAsync("short", [1], new() { SlidingExpiration = Seconds(600), AbsoluteExpirationRelativeToNow = Seconds(100) });
        Assert.Equal((60.0, 60.0, 100.0), (await _test.SecondsLeftAsync("a"), await _test.SecondsLeftAsync("b"), await _test.SecondsLeftAsync("short")));
        for (int second = 10; second < 100; second += 10)
        {
            _test.Advance(10);
            foreach (string key in (string[])["a", "b", "short"])
            {
                Assert.True(await IsThereAsync(key));
                Cache.Refresh(key);
                Assert.InRange((await _test.SecondsLeftAsync(key))!.Value, 40 - second + 20, 100 - second);
            }
        }
        _test.Advance(10);
        Assert.Equal((false, false, false), (await IsThereAsync("a"), await IsThereAsync("b"), await IsThereAsync("short")));
    }

    [Fact]
    public async Task SlidingAndAbsolute_NoAccess_ExpiresAfterTheWindow()
    {
        await Cache.SetAsync("a", [1], new() { SlidingExpiration = Seconds(10), AbsoluteExpirationRelativeToNow = Seconds(100) });
        _test.Advance(10.1);
        Assert.False(await IsThereAsync("a"));
    }

    [Fact]
    public async Task Absolute_PassedButOnTheServer_IsNotReturned()
    {
        // A delayed extension can keep an entry on the server for longer.
        long passed = _test.LocalTime.GetUtcNow().ToUnixTimeMilliseconds();
        await _test.Client.PutUtf8Async("cache:a", System.Text.Encoding.UTF8.GetBytes($$"""{"x":[60000,{{passed}}],"v":"AAAA"}"""));
        var writer = new ArrayBufferWriter<byte>();
        Assert.Null(await Cache.GetAsync("a"));
        Assert.False(await Cache.TryGetAsync("a", writer));
        await Cache.RefreshAsync("a");
        Assert.Equal(0, writer.WrittenCount);
    }

    [Fact]
    public async Task Refresh_OtherEntries_ChangesNothing()
    {
        await Cache.SetAsync("none", [1], new());
        await Cache.SetAsync("absolute", [1], new() { AbsoluteExpirationRelativeToNow = Seconds(100) });
        _test.Advance(90);
        foreach (string key in (string[])["none", "absolute", "missing"])
        {
            Cache.Refresh(key);
            await Cache.RefreshAsync(key);
        }
        Assert.Equal((null, 10.0, null), (await _test.SecondsLeftAsync("none"), await _test.SecondsLeftAsync("absolute"), await _test.SecondsLeftAsync("missing")));
    }

    [Theory]
    [InlineData(-300)]
    [InlineData(-100)]
    [InlineData(-81)]
    [InlineData(100)]
    [InlineData(300)]
    public async Task Sliding_ClocksDiffer_AccessKeepsTheEntry(double offset)
    {
        _test.LocalTime.Offset = Seconds(offset);
        await Cache.SetAsync("a", [1], new() { SlidingExpiration = Seconds(80) });
        for (int i = 0; i < 20; i++)
        {
            _test.Advance(15);
            Assert.True(await IsThereAsync("a"));
        }
    }

    [Fact]
    public async Task Sliding_ExtensionFails_ReadSucceeds()
    {
        var gate = new RequestGate(_test.Server.ConnectAsync, "touch");
        await using KestrelKvClient client = _test.Server.CreateClient(options => options.ConnectCallback = gate.ConnectAsync);
        var cache = new KestrelKvDistributedCache(client, new(), _test.LocalTime);
        await cache.SetAsync("a", [1], new() { SlidingExpiration = Seconds(80) });
        _test.Advance(40);
        gate.BeforeRequest = () =>
        {
            _test.Server.AcceptsConnections = false;
            _test.Server.DropConnections();
            return Task.CompletedTask;
        };
        Task<byte[]?> read = cache.GetAsync("a");
        await Wait.UntilAsync(
            () =>
            {
                _test.Advance(0.02);
                return read.IsCompleted;
            },
            () => "the read waits for the extension");
        Assert.Equal([1], await read);
        gate.BeforeRequest = null;
        _test.Server.AcceptsConnections = true;
        Assert.InRange((await _test.SecondsLeftAsync("a"))!.Value, 0, 40);
        Assert.True(gate.Requests > 0);
    }

    [Fact]
    public async Task Sliding_EntryReplacedBeforeExtension_KeepsItsOwnExpiry()
    {
        var gate = new RequestGate(_test.Server.ConnectAsync, "touch");
        await using KestrelKvClient client = _test.Server.CreateClient(options => options.ConnectCallback = gate.ConnectAsync);
        var cache = new KestrelKvDistributedCache(client, new(), _test.LocalTime);

        // The same window: the extension is right for the new entry too.
        await ReplaceWhileExtendedAsync(new() { SlidingExpiration = Seconds(80) });
        Assert.Equal([2], await Cache.GetAsync("a"));
        Assert.Equal(80, await _test.SecondsLeftAsync("a"));

        await ReplaceWhileExtendedAsync(new() { SlidingExpiration = Seconds(20) });
        Assert.Equal([2], await Cache.GetAsync("a"));
        Assert.Equal(20, await _test.SecondsLeftAsync("a"));

        await ReplaceWhileExtendedAsync(new() { SlidingExpiration = Seconds(80), AbsoluteExpirationRelativeToNow = Seconds(30) });
        Assert.Equal([2], await Cache.GetAsync("a"));
        Assert.Equal(30, await _test.SecondsLeftAsync("a"));

        await ReplaceWhileExtendedAsync(new());
        Assert.Equal([2], await Cache.GetAsync("a"));
        Assert.Null(await _test.SecondsLeftAsync("a"));

        await ReplaceWhileExtendedAsync(new() { AbsoluteExpirationRelativeToNow = Seconds(300) });
        Assert.Equal([2], await Cache.GetAsync("a"));
        Assert.Equal(300, await _test.SecondsLeftAsync("a"));

        // Its own expiry is lost, so the entry is removed rather than kept too long.
        await ReplaceWhileExtendedAsync(new() { AbsoluteExpirationRelativeToNow = Seconds(30) });
        Assert.Null(await Cache.GetAsync("a"));

        async Task ReplaceWhileExtendedAsync(DistributedCacheEntryOptions options)
        {
            await Cache.SetAsync("a", [1], new() { SlidingExpiration = Seconds(80) });
            _test.Advance(40);
            int before = gate.Requests;
            gate.BeforeRequest = () => Cache.SetAsync("a", [2], options);
            Assert.Equal([1], await cache.GetAsync("a"));
            Assert.Equal(before + 1, gate.Requests);
        }
    }

    private static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds);

    private async Task<bool> IsThereAsync(string key) => await Cache.GetAsync(key) is not null;

    private async Task AccessAsync(string method, string key)
    {
        var writer = new ArrayBufferWriter<byte>();
        switch (method)
        {
            case "Get":
                Assert.NotNull(Cache.Get(key));
                break;
            case "GetAsync":
                Assert.NotNull(await Cache.GetAsync(key));
                break;
            case "TryGet":
                Assert.True(Cache.TryGet(key, writer));
                break;
            case "TryGetAsync":
                Assert.True(await Cache.TryGetAsync(key, writer));
                break;
            case "Refresh":
                Cache.Refresh(key);
                break;
            default:
                await Cache.RefreshAsync(key);
                break;
        }
    }
}
