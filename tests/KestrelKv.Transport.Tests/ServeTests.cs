using System.Buffers;
using System.Collections.Concurrent;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using KestrelKv.Testing;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace KestrelKv.Transport.Tests;

/// <summary>Connections that a delegate serves on the loops' threads.</summary>
public sealed class ServeTests
{
    /// <summary>The value of <c>EpollListener.ImbalanceMax</c>.</summary>
    private const int ImbalanceMax = 4;

    [Fact]
    public async Task Serve_Connection_RunsOnLoopThread()
    {
        var threads = new ConcurrentQueue<string?>();
        await using TestServer server = await TestServer.StartAsync(async connection =>
        {
            threads.Enqueue(Thread.CurrentThread.Name);
            await EchoAsync(connection);
            threads.Enqueue(Thread.CurrentThread.Name);
        });
        using (Socket client = await server.ConnectAsync())
        {
            Assert.Equal([1, 2], await CallAsync(client, [1, 2]));
        }
        await server.WaitForKeptAsync(1);
        Assert.Equal(["connections 0", "connections 0"], threads);
        Assert.Equal(0, server.Count);
        Assert.Empty(server.Faults);
    }

    [Fact]
    public async Task Serve_ManyConnectionsOnTwoLoops_EachReceivesItsOwnBytes()
    {
        await using TestServer server = await TestServer.StartAsync(EchoAsync, threads: 2);
        await HammerAsync([server.EndPoint], workers: 6, each: 400);
        await Wait.UntilAsync(() => server.Count == 0, () => $"{server.Count} connections stay");
        Assert.Empty(server.Faults);
    }

    [Fact]
    public async Task Serve_HundredConnectionsEnd_KeepsLimitedNumberOfObjects()
    {
        const int KeptMax = 64;
        await using TestServer server = await TestServer.StartAsync(EchoAsync);
        for (int round = 0; round < 3; round++)
        {
            Socket[] clients = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => server.ConnectAsync()));
            for (byte i = 0; i < clients.Length; i++) Assert.Equal([i], await CallAsync(clients[i], [i]));
            foreach (Socket client in clients) client.Dispose();
            await server.WaitForKeptAsync(KeptMax);
            await Wait.UntilAsync(() => server.Count == 0, () => $"{server.Count} connections stay");
        }
    }

    [Fact]
    public async Task Balance_ManyConnectionsOnTwoLoops_StaysWithinLimit()
    {
        await using TestServer server = await TestServer.StartAsync(EchoAsync, threads: 2);
        var clients = new List<Socket>();
        for (int i = 0; i < 60; i++)
        {
            clients.Add(await server.ConnectAsync());
            await CallAsync(clients[^1], [1]);
            Assert.Equal(i + 1, server.Count);
            Assert.InRange(Math.Abs(server.Loops[0].Count - server.Loops[1].Count), 0, ImbalanceMax);
        }
        foreach (Socket client in clients) Assert.Equal([2], await CallAsync(client, [2]));
        foreach (Socket client in clients) client.Dispose();
        await Wait.UntilAsync(() => server.Count == 0, () => $"{server.Count} connections stay");
    }

    [Theory]
    [InlineData("127.0.0.1", "127.0.0.1", "127.0.0.1")]
    [InlineData("::1", "::1", "::1")]
    [InlineData("::", "::1", "::1")]
    [InlineData("::", "127.0.0.1", "::ffff:127.0.0.1")]
    [InlineData("0.0.0.0", "127.0.0.2", "127.0.0.2")]
    public async Task EndPoints_OfEachFamily_EqualThoseOfSockets(string listens, string dials, string local)
    {
        if (!Socket.OSSupportsIPv6 && listens.Contains(':', StringComparison.Ordinal)) return;
        var seen = new ConcurrentQueue<(EndPoint? Local, EndPoint? Remote)>();
        await using TestServer server = await TestServer.StartAsync(
            connection =>
            {
                seen.Enqueue((connection.LocalEndPoint, connection.RemoteEndPoint));
                return EchoAsync(connection);
            },
            address: IPAddress.Parse(listens));

        // The second client uses the object of the first.
        for (int i = 0; i < 2; i++)
        {
            using Socket client = await TestServer.ConnectAsync(new IPEndPoint(IPAddress.Parse(dials), ((IPEndPoint)server.EndPoint).Port));
            await CallAsync(client, [1]);
            var own = (IPEndPoint)client.LocalEndPoint!;
            Assert.True(seen.TryDequeue(out var endpoints));
            Assert.Equal(new IPEndPoint(IPAddress.Parse(local), ((IPEndPoint)server.EndPoint).Port), endpoints.Local);
            IPAddress peer = local.StartsWith("::ffff:", StringComparison.Ordinal) ? own.Address.MapToIPv6() : own.Address;
            Assert.Equal(new IPEndPoint(peer, own.Port), endpoints.Remote);
            client.Dispose();
            await server.WaitForKeptAsync(1);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Serve_DelegateThrows_EndsOnlyThisConnection(bool atOnce)
    {
        int served = 0;
        await using TestServer server = await TestServer.StartAsync(connection => Interlocked.Increment(ref served) % 2 == 1
            ? EchoAsync(connection)
            : atOnce ? throw new InvalidOperationException("a fault") : ThrowLaterAsync(connection));
        using Socket other = await server.ConnectAsync();
        Assert.Equal([1], await CallAsync(other, [1]));
        for (int i = 0; i < 5; i++)
        {
            using Socket failing = await server.ConnectAsync();
            if (!atOnce) await failing.SendAsync(new byte[1]);
            Assert.Empty(await TestPair.ReceiveAsync(failing, 1));
            Assert.Equal([2], await CallAsync(other, [2]));
            using Socket next = await server.ConnectAsync();
            Assert.Equal([3], await CallAsync(next, [3]));
        }
        await Wait.UntilAsync(() => server.Faults.Count == 5, () => $"{server.Faults.Count} faults");
        Assert.All(server.Faults, e => Assert.Equal("a fault", Assert.IsType<InvalidOperationException>(e).Message));

        static async Task ThrowLaterAsync(ConnectionContext connection)
        {
            ReadResult read = await connection.Transport.Input.ReadAsync();
            connection.Transport.Input.AdvanceTo(read.Buffer.End);
            await Task.Yield();
            throw new InvalidOperationException("a fault");
        }
    }

    [Fact]
    public async Task Serve_TokenCallbackThrows_EndsOnlyThisConnection()
    {
        await using TestServer server = await TestServer.StartAsync(connection =>
        {
            connection.ConnectionClosed.Register(() => throw new InvalidOperationException("a fault"));
            return EchoAsync(connection);
        });
        for (int i = 0; i < 3; i++)
        {
            using Socket client = await server.ConnectAsync();
            Assert.Equal([1], await CallAsync(client, [1]));
        }
        await Wait.UntilAsync(() => server.Faults.Count == 3, () => $"{server.Faults.Count} faults");
        await server.Listener.UnbindAsync().WithTimeout();
    }

    [Fact]
    public async Task Unbind_ConnectionOpen_RequestsCloseAndWaits()
    {
        int requested = 0;
        await using TestServer server = await TestServer.StartAsync(async connection =>
        {
            CancellationToken token = connection.Features.Get<IConnectionLifetimeNotificationFeature>()!.ConnectionClosedRequested;
            await using CancellationTokenRegistration registration = token.Register(() => Interlocked.Increment(ref requested));
            await EchoAsync(connection);
        });
        using Socket client = await server.ConnectAsync();
        Assert.Equal([1], await CallAsync(client, [1]));
        Task unbinding = server.Listener.UnbindAsync().AsTask();
        await Wait.UntilAsync(() => Volatile.Read(ref requested) == 1, () => "the close was not requested");
        SocketException e = await Assert.ThrowsAsync<SocketException>(server.ConnectAsync);
        Assert.Equal(SocketError.ConnectionRefused, e.SocketErrorCode);

        // The connection is served to its end.
        Assert.Equal([2], await CallAsync(client, [2]));
        Assert.False(unbinding.IsCompleted);
        client.Shutdown(SocketShutdown.Send);
        Assert.Empty(await TestPair.ReceiveAsync(client, 1));
        await unbinding.WithTimeout();
        Assert.Null(await server.Listener.AcceptAsync().WithTimeout());
        Assert.Equal(1, requested);
        await server.Listener.UnbindAsync().WithTimeout();
    }

    [Fact]
    public async Task Unbind_CanceledWithOpenConnections_AbortsThemAndWaits()
    {
        var ends = new ConcurrentQueue<Exception>();
        await using TestServer server = await TestServer.StartAsync(
            async connection =>
            {
                try
                {
                    await EchoAsync(connection);
                }
                catch (ConnectionAbortedException e)
                {
                    await Task.Yield();
                    ends.Enqueue(e);
                }
            },
            threads: 2);
        Socket[] clients = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => server.ConnectAsync()));
        foreach (Socket client in clients) Assert.Equal([1], await CallAsync(client, [1]));
        using var canceled = new CancellationTokenSource();
        Task unbinding = server.Listener.UnbindAsync(canceled.Token).AsTask();
        Assert.False(unbinding.IsCompleted);
        await canceled.CancelAsync();
        await unbinding.WithTimeout();
        Assert.Equal(clients.Length, ends.Count);
        Assert.Equal(0, server.Count);
        foreach (Socket client in clients)
        {
            Assert.Empty(await TestPair.ReceiveAsync(client, 1));
            client.Dispose();
        }
        Assert.Empty(server.Faults);
    }

    [Fact]
    public async Task Unbind_OneOfTwoListeners_KeepsConnectionsOfOther()
    {
        var requested = new ConcurrentQueue<EndPoint?>();
        await using TestServer server = await TestServer.StartAsync(
            async connection =>
            {
                EndPoint? local = connection.LocalEndPoint;
                connection.Features.Get<IConnectionLifetimeNotificationFeature>()!.ConnectionClosedRequested.Register(
                    () => requested.Enqueue(local));
                await EchoAsync(connection);
            },
            threads: 2);
        IConnectionListener second = await server.ListenAsync();
        using Socket one = await server.ConnectAsync();
        using Socket other = await TestServer.ConnectAsync(second.EndPoint);
        Assert.Equal([1], await CallAsync(one, [1]));
        Assert.Equal([2], await CallAsync(other, [2]));
        await second.DisposeAsync().WithTimeout();
        Assert.Empty(await TestPair.ReceiveAsync(other, 1));
        Assert.Equal([3], await CallAsync(one, [3]));
        Assert.All(requested, local => Assert.Equal(second.EndPoint, local));
    }

    [Fact]
    public async Task Unbind_WhileClientsConnect_KeepsConnectionsOfOtherListener()
    {
        await using TestServer server = await TestServer.StartAsync(IgnoreEndAsync, threads: 2);
        using var stop = new CancellationTokenSource();

        // Each client verifies its own bytes, so an abort of the wrong connection is noticed.
        Task lasting = HammerAsync([server.EndPoint], workers: 3, each: int.MaxValue, stop.Token);
        foreach (long round in SoakTime.Steps())
        {
            IConnectionListener listener = await server.ListenAsync();
            Task[] clients = [.. Enumerable.Range(0, 3).Select(_ => Task.Run(() => ConnectUntilClosedAsync(listener.EndPoint)))];
            for (long spin = 0; spin < round % 40; spin++) await Task.Yield();
            if (round % 2 == 0) await listener.DisposeAsync().WithTimeout();
            else await listener.UnbindAsync().WithTimeout();
            await Task.WhenAll(clients).WithTimeout();
            Assert.False(lasting.IsCompleted);
        }
        await stop.CancelAsync();
        await lasting.WithTimeout();
        await Wait.UntilAsync(() => server.Count == 0, () => $"{server.Count} connections stay");
        Assert.Empty(server.Faults);

        // Connects until the port is closed.
        static async Task ConnectUntilClosedAsync(EndPoint endpoint)
        {
            try
            {
                while (true)
                {
                    using Socket client = await TestServer.ConnectAsync(endpoint);
                    await client.SendAsync(new byte[1]);
                    await client.ReceiveAsync(new byte[1]);
                }
            }
            catch (SocketException)
            {
                // The listener is unbound, or has aborted this connection.
            }
        }
    }

    [Fact]
    public async Task AbortAndRequestClose_FromOtherThreads_NeverAffectNextClient()
    {
        var lives = new ConcurrentQueue<ClientLifetime>();
        int hits = 0;
        await using TestServer server = await TestServer.StartAsync(
            async connection =>
            {
                var life = new ClientLifetime(connection);
                CancellationToken requested = connection.Features.Get<IConnectionLifetimeNotificationFeature>()!.ConnectionClosedRequested;
                if (requested.IsCancellationRequested || connection.ConnectionClosed.IsCancellationRequested)
                    Interlocked.Increment(ref hits);
                try
                {
                    ReadResult read = await connection.Transport.Input.ReadAtLeastAsync(8);

                    // Other threads end a client whose first byte is odd. Such a client does not wait for its reply.
                    if (read.Buffer.FirstSpan is [var first, ..] && first % 2 == 1) lives.Enqueue(life);
                    else if (requested.IsCancellationRequested) Interlocked.Increment(ref hits);
                    foreach (ReadOnlyMemory<byte> piece in read.Buffer) await connection.Transport.Output.WriteAsync(piece);
                    connection.Transport.Input.AdvanceTo(read.Buffer.End);
                }
                catch (Exception e) when (e is ConnectionAbortedException or ConnectionResetException)
                {
                    // Another thread has ended this client.
                }
                life.End();
            },
            threads: 2);
        using var stop = new CancellationTokenSource();
        Task[] enders = [.. Enumerable.Range(0, 2).Select(i => Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
                if (lives.TryDequeue(out ClientLifetime? life)) life.Hit(abort: i == 0);
        }))];
        await Task.WhenAll(Enumerable.Range(0, 6).Select(worker => Task.Run(async () =>
        {
            for (int i = 0; i < 500; i++)
            {
                using Socket client = await server.ConnectAsync();
                byte[] bytes = BitConverter.GetBytes(((long)worker << 32) + i);
                await client.SendAsync(bytes);
                if (i % 2 == 0) Assert.Equal(bytes, await TestPair.ReceiveAsync(client, 100));
            }
        }))).WaitAsync(Wait.Patience);
        await stop.CancelAsync();
        await Task.WhenAll(enders).WithTimeout();
        Assert.Equal(0, hits);
        await Wait.UntilAsync(() => server.Count == 0, () => $"{server.Count} connections stay");
        Assert.Empty(server.Faults);
    }

    [Fact]
    public async Task Abort_ConnectionsOfOneListener_NeverAffectsThoseOfAnother()
    {
        var connections = new ConcurrentDictionary<SocketConnection, bool>();
        await using TestServer server = await TestServer.StartAsync(connection =>
        {
            connections.TryAdd((SocketConnection)connection, true);
            return IgnoreEndAsync(connection);
        });
        await using IConnectionListener second = await server.ListenAsync();
        var aborted = (EpollListener)second;
        using var stop = new CancellationTokenSource(SoakTime.Duration);
        Task aborting = Task.Run(() =>
        {
            var reason = new ConnectionAbortedException("enough");
            while (!stop.IsCancellationRequested)
            {
                foreach ((SocketConnection connection, _) in connections)
                {
                    connection.Abort(reason, aborted);
                    connection.RequestClose(aborted);
                }
            }
        });
        Task[] victims = [.. Enumerable.Range(0, 3).Select(_ => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                using Socket client = await TestServer.ConnectAsync(second.EndPoint);
            }
        }))];
        await HammerAsync([server.EndPoint], workers: 3, each: int.MaxValue, stop.Token).WaitAsync(Wait.Patience);
        await Task.WhenAll([aborting, .. victims]).WaitAsync(Wait.Patience);
        Assert.Empty(server.Faults);
    }

    [Fact]
    public async Task Accept_NoFreeDescriptor_ServesWaitingClientsOnceAvailable()
    {
        using var loop = new EventLoop("test");
        long filesMax = 0;
        int asked = 0;
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Listen();
        await using var listener = new EpollListener(
            socket,
            [loop],
            () =>
            {
                Interlocked.Increment(ref asked);
                return Volatile.Read(ref filesMax);
            },
            EchoAsync);
        Socket[] clients = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => TestServer.ConnectAsync(listener.EndPoint)));
        foreach (Socket client in clients) await client.SendAsync(new byte[] { 7 });
        await Wait.UntilAsync(() => Volatile.Read(ref asked) > 4, () => "the listener does not try again");
        Assert.Equal(0, loop.Count);
        Assert.All(clients, client => Assert.Equal(0, client.Available));

        Volatile.Write(ref filesMax, long.MaxValue);
        foreach (Socket client in clients)
        {
            Assert.Equal([7], await TestPair.ReceiveAsync(client, 1));
            client.Dispose();
        }
        await Wait.UntilAsync(() => loop.Count == 0, () => $"{loop.Count} connections stay");
    }

    /// <summary>Many short connections, each of which verifies its own echo.</summary>
    private static Task HammerAsync(EndPoint[] endpoints, int workers, int each, CancellationToken stop = default) =>
        Task.WhenAll(Enumerable.Range(0, workers).Select(worker => Task.Run(async () =>
        {
            for (int i = 0; i < each && !stop.IsCancellationRequested; i++)
            {
                using Socket client = await TestServer.ConnectAsync(endpoints[i % endpoints.Length]);
                byte[] bytes = BitConverter.GetBytes(((long)worker << 32) + i);
                await TestPair.SendAsync(client, bytes);
                if (i % 5 == 0) TestPair.Reset(client);
                else if (i % 7 != 0) Assert.Equal(bytes, await TestPair.ReceiveAsync(client, bytes.Length));
            }
        })));

    private static async Task<byte[]> CallAsync(Socket client, byte[] bytes)
    {
        await TestPair.SendAsync(client, bytes);
        return await TestPair.ReceiveAsync(client, bytes.Length);
    }

    /// <summary>Echoes all bytes until the client has sent all or has disconnected.</summary>
    private static async Task EchoAsync(ConnectionContext connection)
    {
        (PipeReader input, PipeWriter output) = (connection.Transport.Input, connection.Transport.Output);
        try
        {
            while (true)
            {
                ReadResult read = await input.ReadAsync();
                foreach (ReadOnlyMemory<byte> piece in read.Buffer) output.Write(piece.Span);
                input.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted || (await output.FlushAsync()).IsCompleted) return;
            }
        }
        catch (ConnectionResetException)
        {
            // The client does not wait for its reply.
        }
    }

    /// <summary>Like <see cref="EchoAsync"/>, until the close is requested.</summary>
    private static async Task IgnoreEndAsync(ConnectionContext connection)
    {
        CancellationToken requested = connection.Features.Get<IConnectionLifetimeNotificationFeature>()!.ConnectionClosedRequested;
        await using CancellationTokenRegistration registration = requested.UnsafeRegister(
            static input => ((PipeReader)input!).CancelPendingRead(), connection.Transport.Input);
        try
        {
            while (!requested.IsCancellationRequested)
            {
                ReadResult read = await connection.Transport.Input.ReadAsync();
                foreach (ReadOnlyMemory<byte> piece in read.Buffer) await connection.Transport.Output.WriteAsync(piece);
                connection.Transport.Input.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted) return;
            }
        }
        catch (Exception e) when (e is ConnectionAbortedException or ConnectionResetException)
        {
            // The connection was aborted, or the client has disconnected.
        }
    }

    /// <summary>One client of a connection, which other threads can end.</summary>
    private sealed class ClientLifetime(ConnectionContext connection)
    {
        private readonly Lock _gate = new();
        private bool _hasEnded;

        public void Hit(bool abort)
        {
            lock (_gate)
            {
                if (_hasEnded) return;
                if (abort) connection.Abort(new ConnectionAbortedException("enough"));
                else connection.Features.Get<IConnectionLifetimeNotificationFeature>()!.RequestClose();
            }
        }

        public void End()
        {
            lock (_gate) _hasEnded = true;
        }
    }
}
