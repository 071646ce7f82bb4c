using KestrelKv.Client;
using KestrelKv.Client.Testing;
using KestrelKv.Extensions.Caching;
using KestrelKv.Testing;

namespace KestrelKv.Extensions.Tests.Caching;

/// <summary>A cache on a server in memory, whose clock the test advances.</summary>
public sealed class CacheUnderTest : IAsyncDisposable
{
    public CacheUnderTest(Action<KestrelKvDistributedCacheOptions>? configure = null)
    {
        Server = new(Time);
        Client = Server.CreateClient();
        var options = new KestrelKvDistributedCacheOptions();
        configure?.Invoke(options);
        Cache = new(Client, options, LocalTime);
    }

    /// <summary>The clock of the server and the client.</summary>
    public TestTime Time { get; } = new();

    /// <summary>The clock of the cache, which <see cref="Advance"/> keeps with the other one.</summary>
    public TestTime LocalTime { get; } = new();

    public InMemoryServer Server { get; }

    public KestrelKvClient Client { get; }

    internal KestrelKvDistributedCache Cache { get; }

    public void Advance(double seconds)
    {
        Time.Advance(TimeSpan.FromSeconds(seconds));
        LocalTime.Advance(TimeSpan.FromSeconds(seconds));
    }

    /// <summary>Returns the number of seconds until an entry expires; null if it has none, or is missing.</summary>
    public async Task<double?> SecondsLeftAsync(string key)
    {
        Entry<ReadOnlyMemory<byte>> entry = await Client.GetUtf8Async("cache:" + key);
        return (entry.ExpiresAt - Time.GetUtcNow())?.TotalSeconds;
    }

    public async Task<long> VersionAsync() => (await Client.InfoAsync()).GetProperty("version").GetInt64();

    public async ValueTask DisposeAsync()
    {
        await Client.DisposeAsync();
        await Server.DisposeAsync();
    }
}
