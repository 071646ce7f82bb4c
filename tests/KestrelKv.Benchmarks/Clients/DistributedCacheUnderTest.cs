using System.Runtime.CompilerServices;
using KestrelKv.Client;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.DependencyInjection;

namespace KestrelKv.Benchmarks.Clients;

/// <summary>A distributed cache, as an application registers it. Entries expire after ten minutes, which no measurement reaches.</summary>
internal sealed class DistributedCacheUnderTest : IClientUnderTest
{
    /// <summary>The text that both caches put before each key: the default of KestrelKv's.</summary>
    private const string KeyPrefix = "cache:";

    private const string SlidingPrefix = "sliding:";

    private static readonly TimeSpan Expiry = TimeSpan.FromMinutes(10);

    private readonly ServiceProvider _services;

    private DistributedCacheUnderTest(ServiceProvider services, ClientData data)
    {
        _services = services;
        var cache = (IBufferDistributedCache)services.GetRequiredService<IDistributedCache>();
        var buffers = new SlotBuffers();
        string[] keys = [.. data.Keys], slidingKeys = [.. data.Keys.Select(key => SlidingPrefix + key)];
        CallUnderTest<byte[]?> Get(string name, string[] keys) => new(
            name, keys.Length,
            (_, key) => new(cache.GetAsync(keys[key])),
            (_, key, value) => data.IsValueOf(key, value));
        CallUnderTest<bool> Put(string name, string[] keys, DistributedCacheEntryOptions options) => new(
            name, keys.Length,
            (_, key) => CompleteAsync(cache.SetAsync(keys[key], data.ValueOf(key), options)),
            (_, _, isSet) => isSet);
        Writes = new Dictionary<string, ICallUnderTest>
        {
            [ClientCall.Put] = Put(ClientCall.Put, keys, new() { AbsoluteExpirationRelativeToNow = Expiry }),
            [ClientCall.PutSliding] = Put(ClientCall.PutSliding, slidingKeys, new() { SlidingExpiration = Expiry }),
        };
        Reads = new Dictionary<string, ICallUnderTest>
        {
            [ClientCall.Get] = Get(ClientCall.Get, keys),
            [ClientCall.GetSliding] = Get(ClientCall.GetSliding, slidingKeys),
            [ClientCall.GetReused] = new CallUnderTest<bool>(
                ClientCall.GetReused, keys.Length,
                (slot, key) => cache.TryGetAsync(keys[key], buffers.Take(slot)),
                (slot, key, isFound) => isFound && data.IsValueOf(key, buffers.Written(slot))),
        };
    }

    public IReadOnlyDictionary<string, ICallUnderTest> Writes { get; }

    public IReadOnlyDictionary<string, ICallUnderTest> Reads { get; }

    public static Task<IClientUnderTest> CreateOnKestrelKvAsync(int port, ClientData data) => CreateAsync(data, services => services
        .AddSingleton(_ => new KestrelKvClient(new KestrelKvClientOptions { Host = "127.0.0.1", Port = port }))
        .AddKestrelKvDistributedCache(options => options.Prefix = KeyPrefix));

    public static Task<IClientUnderTest> CreateOnRedisAsync(int port, ClientData data) => CreateAsync(
        data, services => services.AddStackExchangeRedisCache(options =>
        {
            options.Configuration = $"127.0.0.1:{port}";
            options.InstanceName = KeyPrefix;
        }));

    public ValueTask DisposeAsync() => _services.DisposeAsync();

    /// <summary>The caches connect with their first call.</summary>
    private static Task<IClientUnderTest> CreateAsync(ClientData data, Action<IServiceCollection> register)
    {
        var services = new ServiceCollection();
        register(services);
        return Task.FromResult<IClientUnderTest>(new DistributedCacheUnderTest(services.BuildServiceProvider(), data));
    }

    /// <summary>
    /// Gives a call a result. The state is pooled: callers that await one call at a time allocate nothing for it.
    /// </summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private static async ValueTask<bool> CompleteAsync(Task call)
    {
        await call;
        return true;
    }
}
