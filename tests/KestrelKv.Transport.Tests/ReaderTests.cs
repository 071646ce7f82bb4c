using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using KestrelKv.Testing;

namespace KestrelKv.Transport.Tests;

/// <summary>Received bytes, and their consumption and examination.</summary>
public sealed class ReaderTests
{
    [Fact]
    public async Task AdvanceTo_UnexaminedBytesLeft_NextReadCompletesAtOnce()
    {
        await using TestTransport transport = await TestTransport.StartAsync();
        await using TestPair pair = await transport.ConnectAsync();
        await pair.SendAsync([1, 2, 3, 4, 5]);
        ReadResult read = await pair.Input.ReadAtLeastAsync(5).WithTimeout();
        pair.Input.AdvanceTo(read.Buffer.GetPosition(2));
        ValueTask<ReadResult> next = pair.Input.ReadAsync();
        Assert.True(next.IsCompletedSuccessfully);
        read = await next;
        Assert.Equal([3, 4, 5], read.Buffer.ToArray());
        pair.Input.AdvanceTo(read.Buffer.Start, read.Buffer.GetPosition(1));
        Assert.True(pair.Input.TryRead(out read));
        Assert.Equal([3, 4, 5], read.Buffer.ToArray());
        pair.Input.AdvanceTo(read.Buffer.End);
        Assert.False(pair.Input.TryRead(out _));
    }

    [Fact]
    public async Task AdvanceTo_AllExamined_NextReadWaitsForMore()
    {
        await using TestTransport transport = await TestTransport.StartAsync();
        await using TestPair pair = await transport.ConnectAsync();
        await pair.SendAsync([1, 2, 3]);
        ReadResult read = await pair.Input.ReadAtLeastAsync(3).WithTimeout();
        pair.Input.AdvanceTo(read.Buffer.GetPosition(1), read.Buffer.End);
        Assert.False(pair.Input.TryRead(out _));
        Task<ReadResult> next = await pair.WaitForReadAsync();
        await pair.SendAsync([4]);
        Assert.Equal([2, 3, 4], (await next.WithTimeout()).Buffer.ToArray());
    }

    [Fact]
    public async Task Read_LargeUnconsumedFrame_ArrivesWhole()
    {
        await using TestTransport transport = await TestTransport.StartAsync();
        await using TestPair pair = await transport.ConnectAsync();
        byte[] frame = Patience.Bytes(12 * 1024 * 1024 + 7);
        Task sending = pair.SendAsync(frame);
        while (true)
        {
            ReadResult read = await pair.Input.ReadAsync().WithTimeout();
            if (read.Buffer.Length == frame.Length)
            {
                Assert.True(read.Buffer.FirstSpan.SequenceEqual(frame));
                pair.Input.AdvanceTo(read.Buffer.End);
                break;
            }
            pair.Input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
        await sending;
    }

    [Fact]
    public async Task TryRead_BytesAvailable_ReceivesThem()
    {
        await using TestTransport transport = await TestTransport.StartAsync();
        await using TestPair pair = await transport.ConnectAsync();
        Assert.False(pair.Input.TryRead(out _));
        await pair.SendAsync([1, 2]);
        ReadResult read = default;
        await Wait.UntilAsync(() => pair.Input.TryRead(out read), () => "nothing is received");
        Assert.Equal([1, 2], read.Buffer.ToArray());
        pair.Input.AdvanceTo(read.Buffer.End);
        Assert.False(pair.Input.TryRead(out _));

        // After an attempt that found nothing, the loop still reports new bytes.
        Task<ReadResult> next = await pair.WaitForReadAsync();
        await pair.SendAsync([3]);
        Assert.Equal([3], (await next.WithTimeout()).Buffer.ToArray());
    }

    [Theory]
    [InlineData(4_096)]
    [InlineData(4_096 * 3)]
    [InlineData(65_536 * 4)]
    public async Task Read_BytesFillBuffersExactly_ReceivesLaterBytes(int count)
    {
        await using TestTransport transport = await TestTransport.StartAsync();
        await using TestPair pair = await transport.ConnectAsync();
        for (int round = 0; round < 20; round++)
        {
            byte[] bytes = Patience.Bytes(count, round);
            Task sending = pair.SendAsync(bytes);
            Assert.Equal(bytes, await pair.ReadAsync(count));
            await sending;
        }
    }

    [Fact]
    public async Task Read_Waiting_HoldsNoBuffer()
    {
        await using TestTransport transport = await TestTransport.StartAsync();
        await using TestPair pair = await transport.ConnectAsync();
        for (int round = 0; round < 3; round++)
        {
            Task<ReadResult> read = await pair.WaitForReadAsync();
            Assert.Equal(0, pair.ReaderBufferBytes);
            Assert.Equal(0, pair.WriterBufferBytes);
            await pair.SendAsync([1]);
            pair.Input.AdvanceTo((await read.WithTimeout()).Buffer.End);
            await pair.Output.WriteAsync(new byte[10_000]).WithTimeout();
        }
    }

    [Fact]
    public async Task Read_ManyThenFewBytes_BuffersGrowAndShrink()
    {
        await using TestTransport transport = await TestTransport.StartAsync();
        await using TestPair pair = await transport.ConnectAsync();
        Assert.Equal(4_096, pair.ReaderBufferBytesNext);
        byte[] much = Patience.Bytes(1024 * 1024);
        Task sending = pair.SendAsync(much);
        Assert.Equal(much, await pair.ReadAsync(much.Length));
        await sending;
        Assert.InRange(pair.ReaderBufferBytesNext, 65_536, 1_048_576);
        for (int i = 0; i < 20; i++)
        {
            await pair.SendAsync([(byte)i]);
            Assert.Equal([(byte)i], await pair.ReadAsync(1));
        }
        Assert.Equal(4_096, pair.ReaderBufferBytesNext);
    }

    [Fact]
    public async Task Read_BytesArrivedBeforeRead_ReturnsThem()
    {
        await using TestTransport transport = await TestTransport.StartAsync();
        await using TestPair pair = await transport.ConnectAsync();
        for (int round = 0; round < 200; round++)
        {
            await pair.SendAsync([(byte)round]);
            if (round % 2 == 0) await Task.Yield();
            Assert.Equal([(byte)round], await pair.ReadAsync(1));
        }
        pair.Client.Shutdown(SocketShutdown.Send);
        Assert.True((await pair.Input.ReadAsync().WithTimeout()).IsCompleted);
    }
}
