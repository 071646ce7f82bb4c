using System.Net;
using System.Net.Sockets;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Postgres.Tests.Faults;

/// <summary>What the proxy does with the next COMMIT.</summary>
internal enum CommitFault
{
    None,

    /// <summary>The server does not receive it, and the connection is cut.</summary>
    CutBefore,

    /// <summary>The server receives it. The connection is cut before its reply.</summary>
    CutAfter,

    /// <summary>The server receives it when the test calls <see cref="CommitProxy.Release"/>. The connection remains.</summary>
    Hold,

    /// <summary>Like <see cref="Hold"/>, but the server receives the first half of the trip at once.</summary>
    HoldHalf,
}

/// <summary>A proxy between a store and its server that loses the next COMMIT, or the reply to it.</summary>
/// <remarks>It recognizes the text of the statement, which a connection sends until it prepares the statement: twice.</remarks>
internal sealed class CommitProxy : IDisposable
{
    private readonly int _target;
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly TaskCompletionSource _held = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _fault;
    private volatile bool _isFrozen;

    public CommitProxy(int target)
    {
        _target = target;
        _listener.Start();
        _ = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Completes when a COMMIT is held.</summary>
    public Task Held => _held.Task.WaitAsync(Wait.Patience);

    /// <summary>Whether the fault that was set last has occurred.</summary>
    public bool HasFired => Volatile.Read(ref _fault) == (int)CommitFault.None;

    /// <summary>Sets the fault of the next COMMIT.</summary>
    public void Arm(CommitFault fault) => Volatile.Write(ref _fault, (int)fault);

    public void Release() => _released.TrySetResult();

    /// <summary>Forwards nothing until <see cref="Release"/>, like a server that is stopped. All connections remain.</summary>
    public void Freeze() => _isFrozen = true;

    public void Dispose() => _listener.Stop();

    private async Task AcceptAsync()
    {
        try
        {
            while (true) _ = ServeAsync(await _listener.AcceptSocketAsync());
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or InvalidOperationException)
        {
            // Disposed.
        }
    }

    private async Task ServeAsync(Socket client)
    {
        using var server = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            client.NoDelay = true;
            await server.ConnectAsync(IPAddress.Loopback, _target);
            var lost = new LostReply();
            Task replies = ForwardRepliesAsync(server, client, lost);
            await ForwardRequestsAsync(client, server, lost);
            await replies;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // One of the two has closed the connection.
        }
        finally
        {
            client.Dispose();
        }
    }

    private async Task ForwardRequestsAsync(Socket client, Socket server, LostReply lost)
    {
        byte[] buffer = new byte[256 * 1024];
        while (await client.ReceiveAsync(buffer) is > 0 and int length)
        {
            Memory<byte> bytes = buffer.AsMemory(0, length);
            bool isCommit = bytes.Span.IndexOf("COMMIT\0"u8) >= 0;
            switch (isCommit ? (CommitFault)Interlocked.Exchange(ref _fault, 0) : CommitFault.None)
            {
                case CommitFault.CutBefore:
                    server.Close();
                    client.Close();
                    return;
                case CommitFault.CutAfter:
                    // The server replies after it has committed.
                    lost.IsWanted = true;
                    await server.SendAsync(bytes);
                    await lost.Received.Task;
                    client.Close();
                    return;
                case CommitFault.Hold:
                    _held.TrySetResult();
                    await _released.Task;
                    break;
                case CommitFault.HoldHalf:
                    await server.SendAsync(bytes[..(length / 2)]);
                    bytes = bytes[(length / 2)..];
                    _held.TrySetResult();
                    await _released.Task;
                    break;
            }
            if (_isFrozen) await _released.Task;
            await server.SendAsync(bytes);
        }
        server.Shutdown(SocketShutdown.Send);
    }

    private async Task ForwardRepliesAsync(Socket server, Socket client, LostReply lost)
    {
        byte[] buffer = new byte[256 * 1024];
        try
        {
            while (await server.ReceiveAsync(buffer) is > 0 and int length)
            {
                if (_isFrozen) await _released.Task;
                if (lost.IsWanted) lost.Received.TrySetResult();
                else await client.SendAsync(buffer.AsMemory(0, length));
            }
            client.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // One of the two has closed the connection.
        }
    }

    /// <summary>The reply that a connection loses.</summary>
    private sealed class LostReply
    {
        private volatile bool _isWanted;

        public bool IsWanted
        {
            get => _isWanted;
            set => _isWanted = value;
        }

        public TaskCompletionSource Received { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
