using KestrelKv.Client;

namespace KestrelKv.Benchmarks.Clients;

/// <summary>KestrelKv.Client with its default options.</summary>
internal sealed class KestrelKvUnderTest : IClientUnderTest
{
    private readonly KestrelKvClient _client;

    private KestrelKvUnderTest(KestrelKvClient client, ClientData data)
    {
        _client = client;
        var buffers = new SlotBuffers();
        Writes = new Dictionary<string, ICallUnderTest>
        {
            [ClientCall.Put] = Put(ClientCall.Put, data, default),
            [ClientCall.PutAtLeastOnce] = Put(ClientCall.PutAtLeastOnce, data, new WriteOptions { Retry = WriteRetry.AtLeastOnce }),
        };
        Reads = new Dictionary<string, ICallUnderTest>
        {
            [ClientCall.Get] = new CallUnderTest<Entry<ReadOnlyMemory<byte>>>(
                ClientCall.Get, data.Keys.Count,
                (_, key) => client.GetUtf8Async(data.Keys[key]),
                (_, key, entry) => data.IsValueOf(key, entry.Value.Span)),
            [ClientCall.GetReused] = new CallUnderTest<Entry<int>>(
                ClientCall.GetReused, data.Keys.Count,
                (slot, key) => client.GetUtf8Async(data.Keys[key], buffers.Take(slot)),
                (slot, key, _) => data.IsValueOf(key, buffers.Written(slot))),
        };
    }

    public IReadOnlyDictionary<string, ICallUnderTest> Writes { get; }

    public IReadOnlyDictionary<string, ICallUnderTest> Reads { get; }

    public static async Task<IClientUnderTest> ConnectAsync(int port, ClientData data)
    {
        var client = new KestrelKvClient(new KestrelKvClientOptions { Host = "127.0.0.1", Port = port });
        await client.PingAsync();
        return new KestrelKvUnderTest(client, data);
    }

    public ValueTask DisposeAsync() => _client.DisposeAsync();

    private CallUnderTest<WriteResult> Put(string name, ClientData data, WriteOptions options) => new(
        name, data.Keys.Count,
        (_, key) => _client.PutUtf8Async(data.Keys[key], data.ValueOf(key), options),
        (_, _, result) => result.Applied);
}
