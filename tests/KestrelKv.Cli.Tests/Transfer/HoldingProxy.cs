using System.Net;
using System.Net.Sockets;
using System.Text;

namespace KestrelKv.Cli.Tests.Transfer;

/// <summary>Passes connections on to a server. Requests that contain certain texts are held, one after the other, until they are released.</summary>
internal sealed class HoldingProxy : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly int _serverPort;
    private readonly (string Text, TaskCompletionSource Held, TaskCompletionSource Released)[] _holds;
    private int _next;

    /// <summary>Starts the proxy.</summary>
    /// <param name="serverPort">The port of the server.</param>
    /// <param name="texts">The text of the first request to hold, then that of the first one after its release, and so on.</param>
    public HoldingProxy(int serverPort, params string[] texts)
    {
        _serverPort = serverPort;
        _holds = [.. texts.Select(text => (text, Source(), Source()))];
        _listener.Start();
        _ = AcceptAsync();

        static TaskCompletionSource Source() => new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    public string Url => $"kestrelkv://{_listener.LocalEndpoint}";

    /// <summary>Waits until a request is held.</summary>
    public Task HeldAsync(int index) => _holds[index].Held.Task.WaitAsync(Testing.Wait.Patience);

    public void Release(int index) => _holds[index].Released.TrySetResult();

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
            _ = RequestAsync(client.GetStream(), server.GetStream());
            _ = server.GetStream().CopyToAsync(client.GetStream(), _stop.Token);
        }
    }

    private async Task RequestAsync(NetworkStream client, NetworkStream server)
    {
        byte[] buffer = new byte[256 * 1024];
        for (int count; (count = await client.ReadAsync(buffer, _stop.Token)) > 0;)
        {
            int next = Volatile.Read(ref _next);
            if (next < _holds.Length && Encoding.Latin1.GetString(buffer, 0, count).Contains(_holds[next].Text, StringComparison.Ordinal))
            {
                Volatile.Write(ref _next, next + 1);
                _holds[next].Held.TrySetResult();
                await _holds[next].Released.Task.WaitAsync(_stop.Token);
            }
            await server.WriteAsync(buffer.AsMemory(0, count), _stop.Token);
        }
    }
}
