using System.Net;
using System.Net.Sockets;

namespace KestrelKv.Cli.Tests.Hosting;

/// <summary>Passes connections on to a server. Derived classes change what happens to requests or replies.</summary>
internal abstract class Proxy : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly int _serverPort;

    protected Proxy(int serverPort)
    {
        _serverPort = serverPort;
        _listener.Start();
        Url = $"kestrelkv://{_listener.LocalEndpoint}";
    }

    public string Url { get; }

    public void Dispose()
    {
        _stop.Cancel();
        _listener.Dispose();
        _stop.Dispose();
    }

    /// <summary>Accepts connections, once the derived class is ready.</summary>
    protected void Start() => _ = AcceptAsync();

    protected virtual Task PassRequestsAsync(NetworkStream client, NetworkStream server, CancellationToken stop) => client.CopyToAsync(server, stop);

    protected virtual Task PassRepliesAsync(NetworkStream server, NetworkStream client, CancellationToken stop) => server.CopyToAsync(client, stop);

    private async Task AcceptAsync()
    {
        CancellationToken stop = _stop.Token;
        while (!stop.IsCancellationRequested)
        {
            TcpClient client = await _listener.AcceptTcpClientAsync(stop);
            var server = new TcpClient();
            await server.ConnectAsync(IPAddress.Loopback, _serverPort, stop);
            _ = PassRequestsAsync(client.GetStream(), server.GetStream(), stop);
            _ = PassRepliesAsync(server.GetStream(), client.GetStream(), stop);
        }
    }
}
