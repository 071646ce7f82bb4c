using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace KestrelKv.Transport.Tests;

/// <summary>The state that a connection object keeps for the next client, and the state that it must reset.</summary>
public sealed class ReuseTests
{
    public enum Ending
    {
        Returns,
        Throws,
        Aborts,
        RequestsClose,
        ClientResets,
        ClientLeaves,
        InputCompleted,
        ReadWaits,
        FlushWaits,
    }

    public static TheoryData<Ending> Endings() => [.. Enum.GetValues<Ending>()];

    [Theory]
    [MemberData(nameof(Endings))]
    public async Task Open_NextClient_KeepsOnlyPersistentState(Ending ending)
    {
        TaskCompletionSource<ObservedState>[] seen = [.. Enumerable.Range(0, 3).Select(_ => new TaskCompletionSource<ObservedState>())];
        int number = 0;
        await using TestServer server = await TestServer.StartAsync(async connection =>
        {
            int index = number++;
            ObservedState observed = Observe(connection, index);
            try
            {
                // The last two bytes stay unread.
                ReadResult read = await connection.Transport.Input.ReadAsync();
                observed.Received = read.Buffer.ToArray();
                connection.Transport.Input.AdvanceTo(read.Buffer.GetPosition(1));
                await connection.Transport.Output.WriteAsync(new byte[] { (byte)(10 + index) });
                observed.Unflushed = connection.Transport.Output.UnflushedBytes;
                ChangeState(connection, index);
                await EndAsync((SocketConnection)connection, ending);
            }
            finally
            {
                seen[index].SetResult(observed);
            }
        });

        ObservedState? before = null;
        for (int i = 0; i < seen.Length; i++)
        {
            using Socket client = await server.ConnectAsync();
            byte[] sent = [(byte)(i + 1), 0, (byte)(i + 1)];
            await TestPair.SendAsync(client, sent);
            Assert.Equal([(byte)(10 + i)], await TestPair.ReceiveAsync(client, 1));
            if (ending == Ending.ClientResets) TestPair.Reset(client);
            else if (ending == Ending.ClientLeaves) client.Shutdown(SocketShutdown.Send);
            ObservedState now = await seen[i].Task.WithTimeout();
            await server.WaitForKeptAsync(1);

            Assert.Equal(sent, now.Received);
            Assert.Equal(0, now.Unflushed);
            Assert.Equal(0, now.UnflushedAtStart);
            Assert.Null(now.AbortReason);
            Assert.False(now.WasClosed);
            Assert.False(now.WasCloseRequested);
            Assert.False(now.HadBytes);
            Assert.Empty(now.Items);
            Assert.Null(now.Mark);
            Assert.Same(now.Connection, now.Transport);
            Assert.Same(now.Connection, now.SocketFeature);
            Assert.Equal(((IPEndPoint)server.EndPoint).Port, ((IPEndPoint)now.Local!).Port);
            Assert.NotEqual(1, ((IPEndPoint)now.Remote!).Port);
            Assert.True(now.ClosedToken.IsCancellationRequested);
            Assert.Equal(i == 0 ? null : $"state {i - 1}", now.State);
            if (before is not null)
            {
                Assert.Same(before.Connection, now.Connection);
                Assert.NotEqual(before.Id, now.Id);
                Assert.NotSame(before.Socket, now.Socket);
                Assert.NotEqual(before.Remote, now.Remote);
                Assert.NotEqual(before.ClosedToken, now.ClosedToken);
            }
            before = now;
        }
        Assert.Equal(ending == Ending.Throws ? seen.Length : 0, server.Faults.Count(e => e is InvalidOperationException));
    }

    [Fact]
    public async Task Features_Unchanged_AreReused()
    {
        var seen = new List<ConnectionFeatures>();
        await using TestServer server = await TestServer.StartAsync(async connection =>
        {
            seen.Add(new(connection, connection.Features));
            await connection.Transport.Output.WriteAsync(new byte[1]);
        });
        for (int i = 0; i < 3; i++)
        {
            using Socket client = await server.ConnectAsync();
            Assert.Single(await TestPair.ReceiveAsync(client, 2));
            await server.WaitForKeptAsync(1);
        }
        Assert.Single(seen.Distinct());
    }

    private static ObservedState Observe(ConnectionContext connection, int number)
    {
        var lifetime = connection.Features.Get<IConnectionLifetimeNotificationFeature>()!;
        IDictionary<object, object?> state = connection.Features.Get<IPersistentStateFeature>()!.State;
        state.TryGetValue("state", out object? kept);
        state["state"] = $"state {number}";
        return new ObservedState
        {
            Connection = connection,
            Transport = connection.Transport,
            Id = connection.ConnectionId,
            Items = [.. connection.Items],
            Mark = connection.Features.Get<Mark>(),
            SocketFeature = connection.Features.Get<IConnectionSocketFeature>(),
            Socket = connection.Features.Get<IConnectionSocketFeature>()?.Socket,
            Local = connection.LocalEndPoint,
            Remote = connection.RemoteEndPoint,
            AbortReason = ((SocketConnection)connection).AbortReason,
            WasClosed = connection.ConnectionClosed.IsCancellationRequested,
            WasCloseRequested = lifetime.ConnectionClosedRequested.IsCancellationRequested,
            ClosedToken = connection.ConnectionClosed,
            State = kept,
            UnflushedAtStart = connection.Transport.Output.UnflushedBytes,

            // The client sends after it has connected, but the connection learns of bytes only by an event.
            HadBytes = connection.Transport.Input.TryRead(out _),
        };
    }

    /// <summary>Changes all state that a handler can change.</summary>
    private static void ChangeState(ConnectionContext connection, int number)
    {
        connection.Items["item"] = number;
        connection.ConnectionId = "custom";
        connection.Features.Set(new Mark());
        connection.Features.Set<IConnectionSocketFeature>(null);
        connection.LocalEndPoint = new IPEndPoint(IPAddress.Any, 1);
        connection.RemoteEndPoint = new IPEndPoint(IPAddress.Any, 1);
        connection.Transport.Output.Write(new byte[10_000]);
        connection.Transport.Input.CancelPendingRead();
        connection.Transport = new Pipes(connection.Transport.Input, connection.Transport.Output);
    }

    private static async Task EndAsync(SocketConnection connection, Ending ending)
    {
        PipeReader input = connection.Transport.Input;
        var lifetime = connection.Features.Get<IConnectionLifetimeNotificationFeature>()!;
        switch (ending)
        {
            case Ending.Throws:
                throw new InvalidOperationException("a fault");
            case Ending.Aborts:
                connection.Abort(new ConnectionAbortedException("enough"));
                break;
            case Ending.RequestsClose:
                lifetime.RequestClose();
                break;
            case Ending.InputCompleted:
                await input.CompleteAsync();
                await connection.Transport.Output.CompleteAsync();
                break;
            case Ending.ReadWaits:
                Assert.True((await input.ReadAsync()).IsCanceled);
                input.AdvanceTo((await input.ReadAsync()).Buffer.End);
                _ = input.ReadAsync().AsTask();
                break;
            case Ending.FlushWaits:
                _ = connection.Transport.Output.WriteAsync(new byte[32 * 1024 * 1024]).AsTask();
                break;
            case Ending.ClientLeaves or Ending.ClientResets:
                try
                {
                    while (await input.ReadAsync() is { IsCompleted: false } read) input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
                }
                catch (ConnectionResetException)
                {
                    // Expected if the client resets the connection.
                }
                break;
        }
    }

    private sealed class Mark;

    private sealed record ConnectionFeatures(ConnectionContext Connection, object Features);

    private sealed record Pipes(PipeReader Input, PipeWriter Output) : IDuplexPipe;

    /// <summary>The state that a handler has found.</summary>
    private sealed class ObservedState
    {
        public required ConnectionContext Connection { get; init; }

        public required IDuplexPipe Transport { get; init; }

        public required string Id { get; init; }

        public required KeyValuePair<object, object?>[] Items { get; init; }

        public required Mark? Mark { get; init; }

        public required IConnectionSocketFeature? SocketFeature { get; init; }

        public required Socket? Socket { get; init; }

        public required EndPoint? Local { get; init; }

        public required EndPoint? Remote { get; init; }

        public required ConnectionAbortedException? AbortReason { get; init; }

        public required bool WasClosed { get; init; }

        public required bool WasCloseRequested { get; init; }

        public required CancellationToken ClosedToken { get; init; }

        public required object? State { get; init; }

        public required long UnflushedAtStart { get; init; }

        public required bool HadBytes { get; init; }

        public byte[] Received { get; set; } = [];

        public long Unflushed { get; set; }
    }
}
