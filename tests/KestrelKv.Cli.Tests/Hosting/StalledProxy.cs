using System.Net;
using System.Net.Sockets;

namespace KestrelKv.Cli.Tests.KeyStats;

/// <summary>Passes connections on to a server, but only a number of bytes of its replies: then all connections stall.</summary>
internal sealed class StalledProxy : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly TaskCompletionSource _stalled = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _stop = new();
    private readonly int _serverPort;
    private long _left;

    public StalledProxy(int serverPort, long bytes)
    {
        (_serverPort, _left) = (serverPort, bytes);
        _listener.Start();
        _ = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Completes when the bytes have been passed on.</summary>
    public Task Stalled => _stalled.Task;

    public void Dispose()
    {
        _stop.Cancel();
        _listener.Dispose();
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            TcpClient client = await _listener.AcceptTcpClientAsync();
            var server = new TcpClient();
            await server.ConnectAsync(IPAddress.Loopback, _serverPort);
            _ = client.GetStream().CopyToAsync(server.GetStream(), _stop.Token);
            _ = ReplyAsync(server.GetStream(), client.GetStream());
        }
    }

    private async Task ReplyAsync(NetworkStream server, NetworkStream client)
    {
        byte[] buffer = new byte[16 * 1024];
        for (int count; (count = await server.ReadAsync(buffer, _stop.Token)) > 0;)
        {
            if (Interlocked.Add(ref _left, -count) < 0)
            {
                _stalled.TrySetResult();
                return;
            }
            await client.WriteAsync(buffer.AsMemory(0, count), _stop.Token);
        }
    }
}
