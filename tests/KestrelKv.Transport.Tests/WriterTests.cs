using System.Buffers;
using System.IO.Pipelines;
using KestrelKv.Testing;
using Microsoft.AspNetCore.Connections;

namespace KestrelKv.Transport.Tests;

/// <summary>Sending, whether or not the client reads.</summary>
public sealed class WriterTests
{
    /// <summary>More bytes than the system buffers for a client that does not read (net.ipv4.tcp_wmem and tcp_rmem: 4 and 6 MiB).</summary>
    private const int UnbufferableBytes = 24 * 1024 * 1024;

    [Fact]
    public async Task Flush_ClientDoesNotRead_WaitsUntilItReads()
    {
        await using TestTransport transport = await TestTransport.StartAsync();
        await using TestPair pair = await transport.ConnectAsync();
        byte[] bytes = Patience.Bytes(UnbufferableBytes);
        for (int round = 0; round < 2; round++)
        {
            Task<FlushResult> flush = await pair.WaitForFlushAsync(bytes);
            Assert.Equal(bytes, await pair.ReceiveAsync(bytes.Length));
            Assert.False((await flush.WithTimeout()).IsCompleted);
            Assert.Equal(0, pair.WriterBufferBytes);
        }
    }

    [Fact]
    public async Task Flush_ClientReadsSlowly_SendsAll()
    {
        await using TestTransport transport = await TestTransport.StartAsync();
        await using TestPair pair = await transport.ConnectAsync(clientBufferBytes: 4_096);
        byte[] bytes = Patience.Bytes(6 * 1024 * 1024);
        for (int round = 0; round < 3; round++)
        {
            Task<FlushResult> flush = Task.Run(async () => await pair.Output.WriteAsync(bytes));
            Assert.Equal(bytes, await pair.ReceiveAsync(bytes.Length));
            Assert.False((await flush.WithTimeout()).IsCompleted);
        }
    }

    [Fact]
    public async Task Flush_ClientDisconnected_Completes()
    {
        await using TestTransport transport = await TestTransport.StartAsync();
        await using TestPair pair = await transport.ConnectAsync();
        Task<FlushResult> flush = await pair.WaitForFlushAsync(new byte[UnbufferableBytes]);
        pair.Reset();
        Assert.True((await flush.WithTimeout()).IsCompleted);
        Assert.True((await pair.Output.WriteAsync(new byte[1]).WithTimeout()).IsCompleted);
        Assert.Equal(0, pair.WriterBufferBytes);
    }

    [Fact]
    public async Task Flush_ClientClosesWithUnreadBytes_Completes()
    {
        await using TestTransport transport = await TestTransport.StartAsync();
        await using TestPair pair = await transport.ConnectAsync();
        Task<FlushResult> flush = await pair.WaitForFlushAsync(new byte[UnbufferableBytes]);
        pair.Client.Close();
        Assert.True((await flush.WithTimeout()).IsCompleted);
    }

    [Fact]
    public async Task Flush_Aborted_Completes()
    {
        await using TestTransport transport = await TestTransport.StartAsync();
        await using TestPair pair = await transport.ConnectAsync();
        Task<FlushResult> flush = await pair.WaitForFlushAsync(new byte[UnbufferableBytes]);
        pair.Connection.Abort(new ConnectionAbortedException("enough"));
        Assert.True((await flush.WithTimeout()).IsCompleted);
    }

    [Fact]
    public async Task Flush_Disposed_Completes()
    {
        await using TestTransport transport = await TestTransport.StartAsync();
        await using TestPair pair = await transport.ConnectAsync();
        Task<FlushResult> flush = await pair.WaitForFlushAsync(new byte[UnbufferableBytes]);
        await pair.Connection.DisposeAsync();
        Assert.True((await flush.WithTimeout()).IsCompleted);
    }

    [Fact]
    public Task Write_InPiecesOfRandomSizes_ArrivesInOrder() => Seeds.RunAsync(async random =>
    {
        await using TestTransport transport = await TestTransport.StartAsync();
        await using TestPair pair = await transport.ConnectAsync();
        byte[] bytes = Patience.Bytes(3_000_000, random.Next());
        Task<byte[]> receiving = pair.ReceiveAsync(bytes.Length);
        for (int sent = 0; sent < bytes.Length;)
        {
            int count = Math.Min(bytes.Length - sent, random.Next(random.Next(3) switch { 0 => 10, 1 => 5_000, _ => 200_000 }));
            int room = random.Next(2) == 0 ? count : count + random.Next(10_000);
            bytes.AsSpan(sent, count).CopyTo(pair.Output.GetSpan(room));
            pair.Output.Advance(count);
            sent += count;
            if (random.Next(4) > 0 && sent < bytes.Length) continue;
            Assert.False((await pair.Output.FlushAsync().WithTimeout()).IsCompleted);
            Assert.Equal(0, pair.Output.UnflushedBytes);
        }
        Assert.Equal(bytes, await receiving);
    });

    [Fact]
    public async Task GetMemory_OutOfMemory_KeepsWrittenBytes()
    {
        await using TestTransport transport = await TestTransport.StartAsync();
        await using TestPair pair = await transport.ConnectAsync();
        Assert.Throws<OutOfMemoryException>(() => pair.Output.GetMemory(int.MaxValue));
        pair.Output.Write((ReadOnlySpan<byte>)[1, 2, 3]);
        Assert.Throws<OutOfMemoryException>(() => pair.Output.GetMemory(int.MaxValue));
        pair.Output.Write((ReadOnlySpan<byte>)[4, 5]);
        await pair.Output.FlushAsync().WithTimeout();
        pair.Output.GetMemory(1);
        Assert.Throws<OutOfMemoryException>(() => pair.Output.GetMemory(int.MaxValue));
        pair.Output.Write((ReadOnlySpan<byte>)[6]);
        await pair.Output.FlushAsync().WithTimeout();
        await pair.Connection.DisposeAsync();
        Assert.Equal([1, 2, 3, 4, 5, 6], await pair.ReceiveAsync(20));
    }

    [Fact]
    public async Task Flush_AfterEnd_SendsNothingToNewOwnerOfDescriptor()
    {
        await using TestTransport transport = await TestTransport.StartAsync();
        for (int round = 0; round < 20; round++)
        {
            TestPair first = await transport.ConnectAsync();
            await first.DisposeAsync();
            await using TestPair second = await transport.ConnectAsync();
            first.Output.Write((ReadOnlySpan<byte>)[6, 6, 6]);
            Assert.True((await first.Output.FlushAsync().WithTimeout()).IsCompleted);
            await second.Output.WriteAsync(new byte[] { 1 }).WithTimeout();
            await second.Connection.DisposeAsync();
            Assert.Equal([1], await second.ReceiveAsync(4));
        }
    }
}
