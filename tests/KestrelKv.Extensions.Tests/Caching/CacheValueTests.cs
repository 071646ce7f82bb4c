using System.Buffers;
using System.Text.Json;
using KestrelKv.Client;
using KestrelKv.Client.Testing;
using KestrelKv.Extensions.Caching;
using KestrelKv.Testing;
using Microsoft.Extensions.Caching.Distributed;

namespace KestrelKv.Extensions.Tests.Caching;

/// <summary>Values and keys: the contract of the distributed cache without its expiry.</summary>
public sealed class CacheValueTests : IAsyncLifetime, IAsyncDisposable
{
    private static readonly DistributedCacheEntryOptions NoExpiry = new();

    private readonly CacheUnderTest _test = new();

    public static TheoryData<int> Sizes => [0, 1, 2, 3, 4, 5, 255, 4_096, 1_000_000];

    private KestrelKvDistributedCache Cache => _test.Cache;

    public Task InitializeAsync() => Task.CompletedTask;

    Task IAsyncLifetime.DisposeAsync() => DisposeAsync().AsTask();

    public ValueTask DisposeAsync() => _test.DisposeAsync();

    [Fact]
    public async Task Get_MissingKey_ReturnsNothing()
    {
        var writer = new ArrayBufferWriter<byte>();
        Assert.Null(Cache.Get("a"));
        Assert.Null(await Cache.GetAsync("a"));
        Assert.False(Cache.TryGet("a", writer));
        Assert.False(await Cache.TryGetAsync("a", writer));
        Assert.Equal(0, writer.WrittenCount);
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public async Task Get_AfterSet_ReturnsEqualBytes(int size)
    {
        byte[] value = RandomBytes(size);
        Cache.Set("sync", value, NoExpiry);
        await Cache.SetAsync("async", value, NoExpiry);
        Cache.Set("buffer sync", new ReadOnlySequence<byte>(value), NoExpiry);
        await Cache.SetAsync("buffer async", new ReadOnlySequence<byte>(value), NoExpiry);
        await Cache.SetAsync("sliding", value, new() { SlidingExpiration = TimeSpan.FromMinutes(1) });
        foreach (string key in (string[])["sync", "async", "buffer sync", "buffer async", "sliding"])
        {
            Assert.Equal(value, Cache.Get(key));
            Assert.Equal(value, await Cache.GetAsync(key));
            var writer = new ArrayBufferWriter<byte>();
            Assert.True(Cache.TryGet(key, writer));
            Assert.True(await Cache.TryGetAsync(key, writer));
            Assert.Equal([.. value, .. value], writer.WrittenSpan.ToArray());
        }
    }

    [Fact]
    public async Task Set_SplitSequence_StoresTheWhole()
    {
        byte[] value = RandomBytes(100);
        for (int segment = 1; segment <= 101; segment++)
        {
            ReadOnlySequence<byte> split = Split(value, segment);
            await Cache.SetAsync("a", split, NoExpiry);
            Assert.Equal(value, await Cache.GetAsync("a"));
            Cache.Set("b", split, new() { SlidingExpiration = TimeSpan.FromMinutes(1) });
            Assert.Equal(value, Cache.Get("b"));
        }
    }

    [Fact]
    public async Task Set_ExistingKey_ReplacesValueAndExpiry()
    {
        await Cache.SetAsync("a", [1], new() { AbsoluteExpirationRelativeToNow = TimeSpan.FromSeconds(1) });
        await Cache.SetAsync("a", [2], NoExpiry);
        _test.Advance(1_000);
        Assert.Equal([2], await Cache.GetAsync("a"));
    }

    [Fact]
    public async Task Remove_ExistingOrMissingKey_LeavesNone()
    {
        await Cache.SetAsync("a", [1], NoExpiry);
        await Cache.RemoveAsync("a");
        Assert.Null(await Cache.GetAsync("a"));
        await Cache.RemoveAsync("a");
        Cache.Set("b", [1], NoExpiry);
        Cache.Remove("b");
        Assert.Null(Cache.Get("b"));
    }

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("a/b\\c\"d'e%2F?&#")]
    [InlineData("ключ-鍵-🔑-\u0000\u001f\n")]
    public async Task Key_Unusual_IsDistinct(string key)
    {
        await Cache.SetAsync(key, [1], NoExpiry);
        await Cache.SetAsync(key + ".", [2], NoExpiry);
        Assert.Equal([1], await Cache.GetAsync(key));
        Assert.Equal([2], await Cache.GetAsync(key + "."));
        await Cache.RemoveAsync(key);
        Assert.Null(await Cache.GetAsync(key));
        Assert.Equal([2], await Cache.GetAsync(key + "."));
    }

    [Fact]
    public async Task Key_AtTheLimit_Works_AndBeyondIsRefused()
    {
        string longest = new('k', 4_096 - "cache:".Length);
        await Cache.SetAsync(longest, [1], NoExpiry);
        Assert.Equal([1], await Cache.GetAsync(longest));
        ArgumentException error = await Assert.ThrowsAsync<ArgumentException>(() => Cache.SetAsync(longest + "k", [1], NoExpiry));
        Assert.Contains("4097 bytes, expected at most 4096", error.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<ArgumentException>(() => Cache.GetAsync("\ud800"));
    }

    [Fact]
    public async Task Arguments_Null_AreRefused()
    {
        Assert.Throws<ArgumentNullException>(() => Cache.Get(null!));
        await Assert.ThrowsAsync<ArgumentNullException>(() => Cache.GetAsync(null!));
        Assert.Throws<ArgumentNullException>(() => Cache.Set(null!, [], NoExpiry));
        Assert.Throws<ArgumentNullException>(() => Cache.Set("a", null!, NoExpiry));
        Assert.Throws<ArgumentNullException>(() => Cache.Set("a", [], null!));
        await Assert.ThrowsAsync<ArgumentNullException>(() => Cache.SetAsync(null!, [], NoExpiry));
        await Assert.ThrowsAsync<ArgumentNullException>(() => Cache.SetAsync("a", null!, NoExpiry));
        await Assert.ThrowsAsync<ArgumentNullException>(() => Cache.SetAsync("a", [], null!));
        await Assert.ThrowsAsync<ArgumentNullException>(async () => await Cache.SetAsync("a", ReadOnlySequence<byte>.Empty, null!));
        await Assert.ThrowsAsync<ArgumentNullException>(async () => await Cache.TryGetAsync("a", null!));
        Assert.Throws<ArgumentNullException>(() => Cache.Refresh(null!));
        Assert.Throws<ArgumentNullException>(() => Cache.Remove(null!));
        await Assert.ThrowsAsync<ArgumentNullException>(() => Cache.RefreshAsync(null!));
        await Assert.ThrowsAsync<ArgumentNullException>(() => Cache.RemoveAsync(null!));
    }

    [Fact]
    public async Task Value_OnTheServer_IsDocumentedJson()
    {
        await Cache.SetAsync("plain", "hello"u8.ToArray(), NoExpiry);
        await Cache.SetAsync("sliding", "hello"u8.ToArray(), new() { SlidingExpiration = TimeSpan.FromMinutes(20) });
        await Cache.SetAsync("both", "hello"u8.ToArray(), new()
        {
            SlidingExpiration = TimeSpan.FromMinutes(20), AbsoluteExpiration = DateTimeOffset.FromUnixTimeSeconds(1_767_225_600),
        });
        Assert.Equal("\"aGVsbG8=\"", await TextAsync("cache:plain"));
        Assert.Equal("""{"x":[1200000],"v":"aGVsbG8="}""", await TextAsync("cache:sliding"));
        Assert.Equal("""{"x":[1200000,1767225600000],"v":"aGVsbG8="}""", await TextAsync("cache:both"));

        async Task<string> TextAsync(string key) => System.Text.Encoding.UTF8.GetString((await _test.Client.GetUtf8Async(key)).Value.Span);
    }

    [Theory]
    [InlineData("null")]
    [InlineData("7")]
    [InlineData("\"a\"")]
    [InlineData("\"====\"")]
    [InlineData("\"\\u0061aaa\"")]
    [InlineData("{}")]
    [InlineData("""{"v":"AAAA"}""")]
    [InlineData("""{"x":[],"v":"AAAA"}""")]
    [InlineData("""{"x":[0],"v":"AAAA"}""")]
    [InlineData("""{"x":[1.5],"v":"AAAA"}""")]
    [InlineData("""{"x":[1,2,3],"v":"AAAA"}""")]
    [InlineData("""{"x":[1],"v":1}""")]
    [InlineData("""{"x":[1],"v":"AAAA","z":1}""")]
    public async Task Get_ValueOfAnotherProgram_IsAnError(string value)
    {
        await _test.Client.PutUtf8Async("cache:a", System.Text.Encoding.UTF8.GetBytes(value));
        await Assert.ThrowsAsync<JsonException>(() => Cache.GetAsync("a"));
        // The next call uses the same decoder, or another one.
        Assert.Null(await Cache.GetAsync("b"));
    }

    [Fact]
    public async Task Calls_ServerUnreachable_ThrowExceptionsOfTheClient()
    {
        await using var server = new InMemoryServer { AcceptsConnections = false };
        await using KestrelKvClient client = server.CreateClient(options => options.Timeout = TimeSpan.FromMilliseconds(100));
        var cache = new KestrelKvDistributedCache(client, new(), TimeProvider.System);
        await Assert.ThrowsAsync<NotSentException>(() => cache.GetAsync("a"));
        await Assert.ThrowsAsync<NotSentException>(() => cache.SetAsync("a", [1], NoExpiry));
        Assert.Throws<NotSentException>(() => cache.Get("a"));
        Assert.Throws<NotSentException>(() => cache.Refresh("a"));
    }

    [Fact]
    public async Task Calls_Canceled_Throw()
    {
        using var canceled = new CancellationTokenSource();
        await canceled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Cache.GetAsync("a", canceled.Token));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Cache.SetAsync("a", [1], NoExpiry, canceled.Token));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Cache.RefreshAsync("a", canceled.Token));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Cache.RemoveAsync("a", canceled.Token));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            async () => await Cache.TryGetAsync("a", new ArrayBufferWriter<byte>(), canceled.Token));
        Assert.Null(await Cache.GetAsync("a"));
    }

    [Fact]
    public void Get_InContextThatIsBlocked_DoesNotDeadlock()
    {
        Cache.Set("a", [1], NoExpiry);
        var context = new SynchronizationContext[] { new NeverRuns() };
        byte[]? value = null;
        var thread = new Thread(() =>
        {
            SynchronizationContext.SetSynchronizationContext(context[0]);
            value = Cache.Get("a");
            context[0] = SynchronizationContext.Current!;
        });
        thread.Start();
        Assert.True(thread.Join(Wait.Patience));
        Assert.Equal([1], value);
        Assert.IsType<NeverRuns>(context[0]);
    }

    [Fact]
    public async Task Get_OnExclusiveScheduler_DoesNotDeadlock()
    {
        Cache.Set("a", [1], NoExpiry);
        TaskScheduler exclusive = new ConcurrentExclusiveSchedulerPair().ExclusiveScheduler;
        byte[]? value = await Task.Factory.StartNew(() => Cache.Get("a"), default, TaskCreationOptions.None, exclusive).WaitAsync(Wait.Patience);
        Assert.Equal([1], value);
    }

    [Fact]
    public async Task Calls_OfManyThreads_DoNotMixValues()
    {
        await Task.WhenAll(Enumerable.Range(0, 32).Select(async number =>
        {
            byte[] value = RandomBytes(number * 37);
            for (int i = 0; i < 50; i++)
            {
                await Cache.SetAsync($"key {number}", value, i % 2 == 0 ? NoExpiry : new() { SlidingExpiration = TimeSpan.FromMinutes(1) });
                var writer = new ArrayBufferWriter<byte>();
                Assert.True(await Cache.TryGetAsync($"key {number}", writer));
                Assert.Equal(value, writer.WrittenSpan.ToArray());
            }
        }));
    }

    private static byte[] RandomBytes(int size)
    {
        byte[] bytes = new byte[size];
        new Random(size).NextBytes(bytes);
        return bytes;
    }

    private static ReadOnlySequence<byte> Split(byte[] bytes, int size)
    {
        var first = new Segment(ReadOnlyMemory<byte>.Empty, null);
        Segment last = first;
        for (int start = 0; start < bytes.Length; start += size) last = new(bytes.AsMemory(start, Math.Min(size, bytes.Length - start)), last);
        return new(first, 0, last, last.Memory.Length);
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(ReadOnlyMemory<byte> memory, Segment? previous)
        {
            Memory = memory;
            if (previous is null) return;
            RunningIndex = previous.RunningIndex + previous.Memory.Length;
            previous.Next = this;
        }
    }

    /// <summary>The context of a thread that is blocked, so that nothing posted to it ever runs.</summary>
    private sealed class NeverRuns : SynchronizationContext
    {
        public override void Post(SendOrPostCallback d, object? state)
        {
        }
    }
}
