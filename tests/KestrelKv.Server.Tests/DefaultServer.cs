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

    /// <summary>Fails where a new connection is not served.</summary>
    public Task AssertServesAsync() => AssertServesAsync(WirePort);

    /// <summary>Fails where a new connection to this port is not served.</summary>
    public static async Task AssertServesAsync(int port)
    {
        using WireClient client = await WireClient.ConnectAsync(port);
        await AssertServesAsync(client);
    }

    /// <summary>Connects, and is served: the server has let the client in, and not just the system.</summary>
    public static async Task<WireClient> ConnectServedAsync(int port)
    {
        WireClient client = await WireClient.ConnectAsync(port);
        await AssertServesAsync(client);
        return client;
    }

    /// <summary>Fails where the next request on this connection is not served.</summary>
    public static async Task AssertServesAsync(WireClient client) =>
        Assert.Equal(Frames.GetReply("no such key", "null"), await client.CallAsync(Frames.Get("no such key")));
}
