using System.Reflection;
using KestrelKv.Benchmarks.Servers;
using KestrelKv.Client;
using KestrelKv.Extensions.Caching;
using Microsoft.Extensions.Caching.StackExchangeRedis;
using NATS.Client.Core;
using StackExchange.Redis;

namespace KestrelKv.Benchmarks.Clients;

/// <summary>A client library.</summary>
/// <param name="Id">Its name on the command line of its process.</param>
/// <param name="Name">Its name in the tables.</param>
/// <param name="Server">The name of its server.</param>
/// <param name="Library">A type of the library, for its version.</param>
/// <param name="ConnectAsync">Connects a client object to a port.</param>
internal sealed record ClientKind(
    string Id, string Name, string Server, Type Library, Func<int, ClientData, Task<IClientUnderTest>> ConnectAsync)
{
    public static readonly ClientKind KestrelKv = new(
        "kestrelkv", "KestrelKv.Client", KestrelKvServer.Kind.Name, typeof(KestrelKvClient), KestrelKvUnderTest.ConnectAsync);

    public static readonly ClientKind StackExchangeRedis = new(
        "redis", "StackExchange.Redis", RedisServer.Kind.Name, typeof(ConnectionMultiplexer), StackExchangeRedisUnderTest.ConnectAsync);

    public static readonly ClientKind Nats = new(
        "nats", "NATS.Net", NatsServer.Name, typeof(NatsConnection), NatsUnderTest.ConnectAsync);

    public static readonly ClientKind[] All = [KestrelKv, StackExchangeRedis, Nats];

    /// <summary>The distributed cache on <see cref="KestrelKv"/>.</summary>
    public static readonly ClientKind KestrelKvCache = new(
        "kestrelkv-cache", "KestrelKv.Extensions.Caching", KestrelKv.Server, typeof(KestrelKvDistributedCacheOptions),
        DistributedCacheUnderTest.CreateOnKestrelKvAsync);

    /// <summary>The distributed cache on <see cref="StackExchangeRedis"/>.</summary>
    public static readonly ClientKind RedisCache = new(
        "redis-cache", "Caching.StackExchangeRedis", StackExchangeRedis.Server, typeof(RedisCacheOptions),
        DistributedCacheUnderTest.CreateOnRedisAsync);

    public static readonly ClientKind[] Caches = [KestrelKvCache, RedisCache];

    /// <summary>Whether the other clients are compared to this one.</summary>
    public bool IsBaseline => Server == RedisServer.Kind.Name;

    /// <summary>The version of the library, without the commit from which it was built.</summary>
    public string Version =>
        Library.Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0].Trim() ?? "";

    public override string ToString() => $"{Name} {Version}";
}
