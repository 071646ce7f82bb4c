using NATS.Client.Core;
using NATS.Client.JetStream;
using NATS.Client.KeyValueStore;

namespace KestrelKv.Benchmarks.Clients;

/// <summary>The key-value store of NATS.Net with its default options, in the server's memory.</summary>
internal sealed class NatsUnderTest : IClientUnderTest
{
    private const string Bucket = "benchmark";

    private readonly NatsConnection _connection;

    private NatsUnderTest(NatsConnection connection, INatsKVStore store, ClientData data)
    {
        _connection = connection;
        string[] keys = [.. data.Keys.Select(key => key.Replace(':', '.'))]; // NATS allows no colon.
        Writes = new Dictionary<string, ICallUnderTest>
        {
            [ClientCall.Put] = new CallUnderTest<ulong>(
                ClientCall.Put, keys.Length,
                (_, key) => store.PutAsync(keys[key], data.ValueOf(key)),
                (_, _, revision) => revision > 0),
        };
        Reads = new Dictionary<string, ICallUnderTest>
        {
            [ClientCall.Get] = new CallUnderTest<NatsKVEntry<byte[]>>(
                ClientCall.Get, keys.Length,
                (_, key) => store.GetEntryAsync<byte[]>(keys[key]),
                (_, key, entry) => data.IsValueOf(key, entry.Value)),
            [ClientCall.GetReused] = new CallUnderTest<NatsKVEntry<NatsMemoryOwner<byte>>>(
                ClientCall.GetReused, keys.Length,
                (_, key) => store.GetEntryAsync<NatsMemoryOwner<byte>>(keys[key]),
                (_, key, entry) =>
                {
                    using NatsMemoryOwner<byte> value = entry.Value;
                    return data.IsValueOf(key, value.Span);
                }),
        };
    }

    public IReadOnlyDictionary<string, ICallUnderTest> Writes { get; }

    public IReadOnlyDictionary<string, ICallUnderTest> Reads { get; }

    public static async Task<IClientUnderTest> ConnectAsync(int port, ClientData data)
    {
        var connection = new NatsConnection(new NatsOpts { Url = $"nats://127.0.0.1:{port}" });
        await connection.ConnectAsync();
        INatsKVStore store = await new NatsKVContext(new NatsJSContext(connection)).CreateOrUpdateStoreAsync(
            new NatsKVConfig(Bucket) { Storage = NatsKVStorageType.Memory });
        return new NatsUnderTest(connection, store, data);
    }

    public ValueTask DisposeAsync() => _connection.DisposeAsync();
}
