using KestrelKv.Testing;

namespace KestrelKv.Server.Tests;

/// <summary>A server with the settings of appsettings.json, shared by the tests of a class.</summary>
public sealed class DefaultServer : IAsyncLifetime
{
    private ServerProcess? _process;

    public ServerProcess Process => _process!;

    public int WirePort => Process.WirePort;

    public async Task InitializeAsync() => _process = await ServerProcess.StartAsync();

    public async Task DisposeAsync() => await Process.DisposeAsync();

    public Task AssertServesAsync() => AssertServesAsync(WirePort);

    public static async Task AssertServesAsync(int port)
    {
        using WireClient client = await WireClient.ConnectAsync(port);
        await AssertServesAsync(client);
    }

    /// <summary>Connects and makes a call, so that the server has admitted the connection, not only the kernel.</summary>
    public static async Task<WireClient> ConnectServedAsync(int port)
    {
        WireClient client = await WireClient.ConnectAsync(port);
        await AssertServesAsync(client);
        return client;
    }

    /// <summary>Asserts that the next request on a connection is served.</summary>
    public static async Task AssertServesAsync(WireClient client) =>
        Assert.Equal(Frames.GetReply("no such key", "null"), await client.CallAsync(Frames.Get("no such key")));
}
