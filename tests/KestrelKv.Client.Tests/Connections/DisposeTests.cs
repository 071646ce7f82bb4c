using KestrelKv.Testing;

namespace KestrelKv.Client.Tests.Connections;

/// <summary>Calls of a client that is disposed of, with and without waiting.</summary>
public sealed class DisposeTests
{
    private readonly ScriptedServer _server = new();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Dispose_WithCalls_EndsThemAndRefusesOthers(bool waits)
    {
        KestrelKvClient client = _server.CreateClient();
        Task<Entry<int>> sent = client.GetAsync<int>("sent").AsTask();
        ScriptedConnection connection = await _server.AcceptAsync();
        await connection.ReadAsync();
        connection.HoldWrites();
        Task<Entry<int>> held = client.GetAsync<int>("held").AsTask();
        await connection.ReadAsync();
        Task<Entry<int>> queued = client.GetAsync<int>("queued").AsTask();

        await DisposeAsync(client, waits);
        await Assert.ThrowsAsync<OutcomeUnknownException>(() => sent);
        await Assert.ThrowsAsync<OutcomeUnknownException>(() => held);
        await AssertDisposedAsync(queued);
        await AssertDisposedAsync(client.GetAsync<int>("later").AsTask());
        Assert.Equal(1, _server.Attempts);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Dispose_WhileConnecting_EndsTheCall(bool waits)
    {
        KestrelKvClient client = _server.CreateClient();
        Task<Entry<int>> call = client.GetAsync<int>("k").AsTask();
        await _server.AcceptRawAsync();
        await DisposeAsync(client, waits);
        await AssertDisposedAsync(call);
        await BrokenConnectionTests.AssertNoCallsAsync(client);
    }

    [Fact]
    public async Task Dispose_WithAWaitingCall_EndsItAsNotSent()
    {
        KestrelKvClient client = _server.CreateClient(options => options.CallsMax = 1);
        Task<Entry<int>> first = client.GetAsync<int>("first").AsTask(), waiting = client.GetAsync<int>("waiting").AsTask();
        await (await _server.AcceptAsync()).ReadAsync();
        await client.DisposeAsync();
        await Assert.ThrowsAsync<OutcomeUnknownException>(() => first);
        await AssertDisposedAsync(waiting);
    }

    [Fact]
    public async Task Dispose_WhileAConnectCallbackNeverEnds_EndsTheCall()
    {
        KestrelKvClient client = _server.CreateClient(options => options.ConnectCallback = _ => new(new TaskCompletionSource<Stream>().Task));
        Task<Entry<int>> call = client.GetAsync<int>("k").AsTask();
        await client.DisposeAsync().AsTask().WaitAsync(Wait.Patience);
        await AssertDisposedAsync(call);
    }

    [Fact]
    public async Task Dispose_WithoutAServer_EndsAMirrorThatWaits()
    {
        _server.IsDown = true;
        KestrelKvClient client = _server.CreateClient();
        Task mirror = client.MirrorAsync<int>("p");
        await Wait.UntilAsync(() => _server.Attempts > 2, () => "The mirror does not connect.");
        await client.DisposeAsync();
        await AssertDisposedAsync(mirror.WaitAsync(Wait.Patience));
    }

    private static async Task AssertDisposedAsync(Task call) =>
        Assert.IsType<ObjectDisposedException>((await Assert.ThrowsAsync<NotSentException>(() => call)).InnerException);

    private static async Task DisposeAsync(KestrelKvClient client, bool waits)
    {
#pragma warning disable CA1849 // The subject of the test. A second time is harmless.
        if (waits) await client.DisposeAsync();
        client.Dispose();
#pragma warning restore CA1849
    }
}
