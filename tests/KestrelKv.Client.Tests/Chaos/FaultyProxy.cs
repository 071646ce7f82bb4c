using System.Net;
using System.Net.Sockets;
using KestrelKv.Testing;

namespace KestrelKv.Client.Tests.Chaos;

/// <summary>
/// A TCP proxy that splits, delays, stalls and cuts connections at random, also in the middle of frames. A stalled direction delivers its
/// bytes after a while, also if the other side has closed the connection meanwhile: requests that a client has abandoned arrive late.
/// </summary>
internal sealed class FaultyProxy : IAsyncDisposable
{
    private const int StallMillisecondsMax = 1_000;

    private readonly int _target;
    private readonly Random _random;
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Lock _lock = new();
    private readonly HashSet<Link> _links = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _accepting;
    private int _cuts;

    public FaultyProxy(int target, Random random)
    {
        (_target, _random) = (target, new Random(random.Next()));
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Whether there are faults. The default is true.</summary>
    public bool IsFaulty { get; set; } = true;

    /// <summary>Whether new connections are reset at once.</summary>
    public bool IsClosed { get; set; }

    /// <summary>The number of connections that the proxy has cut or stalled.</summary>
    public int Faults => Volatile.Read(ref _cuts);

    /// <summary>Resets all connections.</summary>
    public void CutAll()
    {
        lock (_lock)
            foreach (Link link in _links) link.Dispose();
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting;
        CutAll();
        await Wait.UntilAsync(
            () =>
            {
                lock (_lock) return _links.Count == 0;
            },
            () => "connections of the proxy remain");
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                Socket client = await _listener.AcceptSocketAsync(_stop.Token);
                Link link = new(this, client);
                lock (_lock) _links.Add(link);
                _ = Task.Run(link.RunAsync);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // Disposed.
        }
    }

    private int Next(int max)
    {
        lock (_lock) return _random.Next(max);
    }

    /// <summary>A connection of a client, and that to the server.</summary>
    private sealed class Link(FaultyProxy proxy, Socket client) : IDisposable
    {
        private readonly Socket _server = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };

        public async Task RunAsync()
        {
            try
            {
                client.NoDelay = true;
                if (!proxy.IsClosed)
                {
                    await _server.ConnectAsync(IPAddress.Loopback, proxy._target, proxy._stop.Token);
                    await Task.WhenAll(PumpAsync(client, _server), PumpAsync(_server, client));
                }
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
            {
                // The server is down, or the connection was cut.
            }
            finally
            {
                Dispose();
                lock (proxy._lock) proxy._links.Remove(this);
            }
        }

        /// <summary>Resets both connections.</summary>
        public void Dispose()
        {
            foreach (Socket socket in (Socket[])[client, _server])
            {
                try
                {
                    socket.LingerState = new LingerOption(enable: true, seconds: 0);
                }
                catch (Exception e) when (e is SocketException or ObjectDisposedException)
                {
                    // Closed already.
                }
                socket.Dispose();
            }
        }

        private async Task PumpAsync(Socket from, Socket to)
        {
            byte[] buffer = new byte[16 * 1024];
            while (true)
            {
                int length = await ReceiveAsync(from, buffer);
                if (length == 0) break;
                Memory<byte> bytes = buffer.AsMemory(0, length);
                if (proxy.IsFaulty)
                {
                    int dice = proxy.Next(300);
                    if (dice < 5)
                    {
                        Interlocked.Increment(ref proxy._cuts);
                        await SendAsync(to, bytes[..proxy.Next(length)]);
                        Dispose();
                        return;
                    }
                    if (dice < 8)
                    {
                        Interlocked.Increment(ref proxy._cuts);
                        await Task.Delay(proxy.Next(StallMillisecondsMax));
                    }
                    else if (dice < 40)
                    {
                        await Task.Delay(proxy.Next(20));
                    }
                    else if (dice < 80)
                    {
                        int part = proxy.Next(length);
                        await SendAsync(to, bytes[..part]);
                        bytes = bytes[part..];
                        await Task.Yield();
                    }
                }
                await SendAsync(to, bytes);
            }
            to.Shutdown(SocketShutdown.Send);
        }

        private static async Task<int> ReceiveAsync(Socket from, Memory<byte> buffer)
        {
            try
            {
                return await from.ReceiveAsync(buffer);
            }
            catch (SocketException)
            {
                // A reset. What was received before it is still delivered.
                return 0;
            }
        }

        private static async Task SendAsync(Socket to, ReadOnlyMemory<byte> bytes)
        {
            for (; !bytes.IsEmpty; bytes = bytes[await to.SendAsync(bytes)..])
            {
            }
        }
    }
}
