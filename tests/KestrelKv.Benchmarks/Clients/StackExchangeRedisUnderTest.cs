using StackExchange.Redis;

namespace KestrelKv.Benchmarks.Clients;

/// <summary>StackExchange.Redis with its default options.</summary>
internal sealed class StackExchangeRedisUnderTest : IClientUnderTest
{
    private readonly ConnectionMultiplexer _connection;

    private StackExchangeRedisUnderTest(ConnectionMultiplexer connection, ClientData data)
    {
        _connection = connection;
        IDatabase database = connection.GetDatabase();
        Writes = new Dictionary<string, ICallUnderTest>
        {
            [ClientCall.Put] = new CallUnderTest<bool>(
                ClientCall.Put, data.Keys.Count,
                (_, key) => new(database.StringSetAsync(data.Keys[key], data.ValueOf(key))),
                (_, _, isSet) => isSet),
        };
        Reads = new Dictionary<string, ICallUnderTest>
        {
            [ClientCall.Get] = new CallUnderTest<RedisValue>(
                ClientCall.Get, data.Keys.Count,
                (_, key) => new(database.StringGetAsync(data.Keys[key])),
                (_, key, value) => data.IsValueOf(key, (byte[]?)value)),
            [ClientCall.GetReused] = new CallUnderTest<Lease<byte>?>(
                ClientCall.GetReused, data.Keys.Count,
                (_, key) => new(database.StringGetLeaseAsync(data.Keys[key])),
                (_, key, lease) =>
                {
                    using (lease) return lease is not null && data.IsValueOf(key, lease.Span);
                }),
        };
    }

    public IReadOnlyDictionary<string, ICallUnderTest> Writes { get; }

    public IReadOnlyDictionary<string, ICallUnderTest> Reads { get; }

    public static async Task<IClientUnderTest> ConnectAsync(int port, ClientData data) =>
        new StackExchangeRedisUnderTest(await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{port}"), data);

    public ValueTask DisposeAsync() => _connection.DisposeAsync();
}
