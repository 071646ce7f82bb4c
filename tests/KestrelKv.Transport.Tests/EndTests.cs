using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using KestrelKv.Testing;
using Microsoft.AspNetCore.Connections;

namespace KestrelKv.Transport.Tests;

/// <summary>The ends of connections, caused by the client or the server, during any operation.</summary>
public sealed class EndTests
{
    [Fact]
    public async Task Read_ClientHalfCloses_ReturnsBytesAndEndAndClientGetsReply()
    {
        await using TestTransport transport = await TestTransport.StartAsync();
        await using TestPair pair = await transport.ConnectAsync();
        Task<ReadResult> waiting = await pair.WaitForReadAsync();
        await pair.SendAsync([1]);
        pair.Client.Shutdown(SocketShutdown.Send);
        ReadResult read = await waiting.WithTimeout();
        Assert.Equal([1], read.Buffer.ToArray());
        pair.Input.AdvanceTo(read.Buffer.End);
        Assert.True((await pair.Input.ReadAsync().WithTimeout()).IsCompleted);
        Assert.True((await pair.Input.ReadAsync().WithTimeout()).IsCompleted);

        byte[] reply = Patience.Bytes(8 * 1024 * 1024);
        Task<byte[]> receiving = pair.ReceiveAsync(reply.Length + 1);
        Assert.False((await pair.Output.WriteAsync(reply).WithTimeout()).IsCompleted);
        await pair.Connection.DisposeAsync();
        Assert.Equal(reply, await receiving);
    }

    [Fact]
    public async Task Read_BytesAndEndInOneEvent_ReturnsBoth()
    {
        await using TestTransport transport = await TestTransport.StartAsync();
        for (int round = 0; round < 20; round++)
        {
            await using TestPair pair = await transport.ConnectAsync();
            Task<ReadResult> waiting = await pair.WaitForReadAsync();
            using ManualResetEventSlim release = await transport.BlockAsync();
            await pair.SendAsync([1, 2]);
            pair.Client.Shutdown(SocketShutdown.Send);
            release.Set();
            ReadResult read = await waiting.WithTimeout();
            Assert.Equal([1, 2], read.Buffer.ToArray());
            pair.Input.AdvanceTo(read.Buffer.End);
            Assert.True((await pair.Input.ReadAsync().WithTimeout()).IsCompleted);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Read_EndArrivedBeforeRead_ReturnsEnd(bool tries)
    {
        await using TestTransport transport = await TestTransport.StartAsync();
        await using TestPair pair = await transport.ConnectAsync();
        await pair.SendAsync([1]);
        pair.Client.Close();
        Assert.Equal([1], await pair.ReadAsync(1));
        ReadResult read = default;
        if (tries) await Wait.UntilAsync(() => pair.Input.TryRead(out read), () => "the end of the stream is not reported");
        else read = await pair.Input.ReadAsync().WithTimeout();
        Assert.True(read.IsCompleted);
        Assert.True(read.Buffer.IsEmpty);
    }

    [Fact]
    public async Task Read_ClientResetsDuringWait_ThrowsRepeatedly()
    {
        await using TestTransport transport = await TestTransport.StartAsync();
        await using TestPair pair = await transport.ConnectAsync();
        Task<ReadResult> waiting = await pair.WaitForReadAsync();
        pair.Reset();
        ConnectionResetException e = await Assert.ThrowsAsync<ConnectionResetException>(() => waiting.WithTimeout());
        Assert.Equal(SocketError.ConnectionReset, Assert.IsType<SocketException>(e.InnerException).SocketErrorCode);
        await Assert.ThrowsAsync<ConnectionResetException>(async () => await pair.Input.ReadAsync().WithTimeout());
        Assert.Throws<ConnectionResetException>(() => pair.Input.TryRead(out _));
        Assert.True((await pair.Output.WriteAsync(new byte[1]).WithTimeout()).IsCompleted);
    }

    [Fact]
    public async Task Read_ResetArrivedBeforeRead_ReturnsBytesThenThrows()
    {
        await using TestTransport transport = await TestTransport.StartAsync();
        await using TestPair pair = await transport.ConnectAsync();
        await pair.SendAsync([1]);
        pair.Reset();
        Assert.Equal([1], await pair.ReadAsync(1));
        await Assert.ThrowsAsync<ConnectionResetException>(async () => await pair.Input.ReadAsync().WithTimeout());
    }

    [Fact]
    public async Task Read_ResetInsideFrame_ThrowsOnceAllIsExamined()
    {
        await using TestTransport transport = await TestTransport.StartAsync();
        await using TestPair pair = await transport.ConnectAsync();
        await pair.SendAsync([1]);
        ReadResult read = await pair.Input.ReadAsync().WithTimeout();
        pair.Input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        Task<ReadResult> waiting = await pair.WaitForReadAsync();
        pair.Reset();
        await Assert.ThrowsAsync<ConnectionResetException>(() => waiting.WithTimeout());
        pair.Input.CancelPendingRead();
        Assert.True((await pair.Input.ReadAsync().WithTimeout()).IsCanceled);
    }

    [Fact]
    public async Task Flush_ResetArrivedBefore_CompletesAndReadEnds()
    {
        await using TestTransport transport = await TestTransport.StartAsync();
        await using TestPair pair = await transport.ConnectAsync();
        pair.Reset();

        // The system reports the error once, here to the flush.
        Assert.True((await pair.Output.WriteAsync(new byte[1]).WithTimeout()).IsCompleted);
        Exception? e = await Record.ExceptionAsync(async () => Assert.True((await pair.Input.ReadAsync().WithTimeout()).IsCompleted));
        Assert.True(e is null or ConnectionResetException, $"{e}");
    }

    [Fact]
    public async Task Abort_WhileReadWaits_ReadThrowsReasonAndTokenFires()
    {
        await using TestTransport transport = await TestTransport.StartAsync();
        await using TestPair pair = await transport.ConnectAsync();
        var closed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using CancellationTokenRegistration registration = pair.Connection.ConnectionClosed.Register(closed.SetResult);
        Task<ReadResult> waiting = await pair.WaitForReadAsync();
        var reason = new ConnectionAbortedException("enough");
        pair.Connection.Abort(reason);
        pair.Connection.Abort(new ConnectionAbortedException("again"));
        Assert.Same(reason, await Assert.ThrowsAsync<ConnectionAbortedException>(() => waiting.WithTimeout()));
        await closed.Task.WithTimeout();
        Assert.Empty(await pair.ReceiveAsync(1));
        Assert.Same(reason, await Assert.ThrowsAsync<ConnectionAbortedException>(async () => await pair.Input.ReadAsync().WithTimeout()));
    }

    [Fact]
    public async Task Abort_WithoutRead_NextReadThrowsAndNextFlushCompletes()
    {
        await using TestTransport transport = await TestTransport.StartAsync();
        await using TestPair pair = await transport.ConnectAsync();
        var reason = new ConnectionAbortedException("enough");
        pair.Connection.Abort(reason);
        Assert.True((await pair.Output.WriteAsync(new byte[1]).WithTimeout()).IsCompleted);
        Assert.Same(reason, await Assert.ThrowsAsync<ConnectionAbortedException>(async () => await pair.Input.ReadAsync().WithTimeout()));
    }

    [Fact]
    public async Task Abort_WhileSendingAndReceiving_EndsBoth()
    {
        await using TestTransport transport = await TestTransport.StartAsync(threads: 2);
        for (int round = 0; round < 50; round++)
        {
            await using TestPair pair = await transport.ConnectAsync();
            Task serving = Task.Run(() => Echo.ServeAsync(pair.Connection, new Random(round)));
            Task<byte[]> receiving = Task.Run(() => ReceiveToEndAsync(pair.Client));
            await pair.SendAsync(new byte[100 + (round * 1_000)]);
            if (round % 2 == 0) await Task.Yield();
            var reason = new ConnectionAbortedException("enough");
            pair.Connection.Abort(reason);
            Exception? e = await Record.ExceptionAsync(() => serving.WithTimeout());
            Assert.True(e is null || ReferenceEquals(e, reason), $"{e}");
            await receiving.WithTimeout();
        }
    }

    [Fact]
    public async Task Dispose_WhileReadWaits_CompletesReadAndFiresToken()
    {
        await using TestTransport transport = await TestTransport.StartAsync();
        await using TestPair pair = await transport.ConnectAsync();
        Task<ReadResult> waiting = await pair.WaitForReadAsync();
        await pair.Connection.DisposeAsync();
        Assert.True((await waiting.WithTimeout()).IsCompleted);
        Assert.True(pair.Connection.ConnectionClosed.IsCancellationRequested);
        Assert.Equal(0, transport.Count);
        await pair.Connection.DisposeAsync();
        Assert.Equal(0, transport.Count);
    }

    [Fact]
    public async Task Dispose_WithUnreadAndUnflushedBytes_EndsConnection()
    {
        await using TestTransport transport = await TestTransport.StartAsync();
        await using TestPair pair = await transport.ConnectAsync();
        await pair.SendAsync(new byte[10_000]);
        ReadResult read = await pair.Input.ReadAtLeastAsync(5_000).WithTimeout();
        pair.Input.AdvanceTo(read.Buffer.GetPosition(1));
        pair.Output.Write(new byte[100_000]);
        await pair.Connection.DisposeAsync();
        Assert.Equal(0, pair.ReaderBufferBytes);
        Assert.Equal(0, pair.WriterBufferBytes);
        Assert.Empty(await ReceiveToEndAsync(pair.Client));
    }

    private static async Task<byte[]> ReceiveToEndAsync(Socket client)
    {
        var all = new List<byte>();
        try
        {
            while (await TestPair.ReceiveAsync(client, 1) is { Length: > 0 } bytes) all.AddRange(bytes);
        }
        catch (SocketException)
        {
            // The connection is reset because of unread bytes.
        }
        return [.. all];
    }
}
