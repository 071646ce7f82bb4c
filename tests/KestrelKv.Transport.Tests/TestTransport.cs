using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using KestrelKv.Testing;
using Microsoft.AspNetCore.Connections;

namespace KestrelKv.Transport.Tests;

/// <summary>A transport that listens on a port that the system chooses.</summary>
internal sealed class TestTransport : IAsyncDisposable
{
    private readonly EpollTransport _transport;
    private readonly IConnectionListener _listener;

    private TestTransport(EpollTransport transport, IConnectionListener listener) => (_transport, _listener) = (transport, listener);

    public int Count => Loops(_transport).Sum(loop => loop.Count);

    public EndPoint EndPoint => _listener.EndPoint;

    /// <summary>Starts a transport, by default with one thread, so that connections can delay each other.</summary>
    public static async Task<TestTransport> StartAsync(int threads = 1)
    {
        var transport = new EpollTransport(threads: threads);
        return new TestTransport(transport, await transport.BindAsync(new IPEndPoint(IPAddress.Loopback, 0)));
    }

    /// <summary>Returns a client and its connection. Must not be called concurrently.</summary>
    public async Task<TestPair> ConnectAsync(int? clientBufferBytes = null)
    {
        var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        if (clientBufferBytes is { } bytes) client.ReceiveBufferSize = bytes;
        await client.ConnectAsync(_listener.EndPoint);
        return new TestPair(client, (SocketConnection)await AcceptAsync());
    }

    public async Task<ConnectionContext> AcceptAsync()
    {
        ConnectionContext? accepted = await _listener.AcceptAsync().WithTimeout();
        return accepted ?? throw new InvalidOperationException("the listener is unbound");
    }

    /// <summary>Blocks the loop's thread until the returned event is set. For a transport with one thread.</summary>
    public async Task<ManualResetEventSlim> BlockAsync()
    {
        TestPair pair = await ConnectAsync();
        var release = new ManualResetEventSlim();
        var blocked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _ = Task.Run(async () =>
        {
            await pair.Input.ReadAsync();
            blocked.SetResult();
            release.Wait(Wait.Patience);
            await pair.DisposeAsync();
        });

        // The continuation runs inline on the loop's thread only if the read waits for the byte.
        await Wait.UntilAsync(() => pair.ReaderIsWaiting, () => "the read never waited");
        await pair.Client.SendAsync(new byte[1]);
        await blocked.Task.WaitAsync(Wait.Patience);
        return release;
    }

    public async ValueTask DisposeAsync()
    {
        await _listener.DisposeAsync();
        _transport.Dispose();
    }

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_loops")]
    private static extern ref EventLoop[] Loops(EpollTransport transport);
}
