using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using KestrelKv.Testing;

namespace KestrelKv.Transport.Tests;

/// <summary>Canceled reads: each cancellation ends exactly the read that it is meant for, and no bytes are lost.</summary>
public sealed class CancellationTests
{
    private const int Rounds = 10_000;

    [Fact]
    public async Task CancelPendingRead_BeforeRead_CancelsOnlyNextRead()
    {
        await using TestTransport transport = await TestTransport.StartAsync();
        await using TestPair pair = await transport.ConnectAsync();
        pair.Input.CancelPendingRead();
        Assert.True((await pair.Input.ReadAsync().WithTimeout()).IsCanceled);
        pair.Input.CancelPendingRead();
        Assert.True(pair.Input.TryRead(out ReadResult read));
        Assert.True(read.IsCanceled);
        Assert.False(pair.Input.TryRead(out _));
        await pair.SendAsync([1]);
        read = await pair.Input.ReadAsync().WithTimeout();
        Assert.False(read.IsCanceled);
        Assert.Equal([1], read.Buffer.ToArray());
        pair.Input.AdvanceTo(read.Buffer.Start);
        pair.Input.CancelPendingRead();
        read = await pair.Input.ReadAsync().WithTimeout();
        Assert.True(read.IsCanceled);
        Assert.Equal([1], read.Buffer.ToArray());
    }

    [Fact]
    public async Task CancelPendingRead_WhileReadWaits_ReturnsUnconsumedBytes()
    {
        await using TestTransport transport = await TestTransport.StartAsync();
        await using TestPair pair = await transport.ConnectAsync();
        await pair.SendAsync([1, 2]);
        ReadResult read = await pair.Input.ReadAtLeastAsync(2).WithTimeout();
        pair.Input.AdvanceTo(read.Buffer.GetPosition(1), read.Buffer.End);
        Task<ReadResult> waiting = await pair.WaitForReadAsync();
        pair.Input.CancelPendingRead();
        read = await waiting.WithTimeout();
        Assert.True(read.IsCanceled);
        Assert.Equal([2], read.Buffer.ToArray());
        pair.Input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        waiting = await pair.WaitForReadAsync();
        await pair.SendAsync([3]);
        Assert.Equal([2, 3], (await waiting.WithTimeout()).Buffer.ToArray());
    }

    [Fact]
    public async Task CancelPendingRead_WithRequestedTurn_LosesNoByte()
    {
        await using TestTransport transport = await TestTransport.StartAsync();
        await using TestPair pair = await transport.ConnectAsync();
        for (int round = 0; round < 200; round++)
        {
            await pair.SendAsync([(byte)round]);
            ValueTask<ReadResult> reading = pair.Input.ReadAsync();
            pair.Input.CancelPendingRead();
            ReadResult read = await reading.WithTimeout();
            pair.Input.AdvanceTo(read.Buffer.Start);
            if (!read.IsCanceled) Assert.True((await pair.Input.ReadAsync().WithTimeout()).IsCanceled);
            Assert.Equal([(byte)round], await pair.ReadAsync(1));
        }
    }

    [Fact]
    public Task CancelPendingRead_ManyFromManyThreads_EachCancelsARead() => Seeds.RunAsync(async random =>
    {
        await using TestTransport transport = await TestTransport.StartAsync();
        await using TestPair pair = await transport.ConnectAsync();
        byte[] bytes = Patience.Bytes(Rounds, random.Next());
        long seen = 0;
        var received = new List<byte>();
        Task reading = Task.Run(async () =>
        {
            while (true)
            {
                ReadResult read = await pair.Input.ReadAsync();
                received.AddRange(read.Buffer.ToArray());
                pair.Input.AdvanceTo(read.Buffer.End);
                if (read.IsCanceled) Interlocked.Increment(ref seen);
                if (read.IsCompleted) return;
                if (received.Count % 7 == 3) await Task.Yield();
            }
        });

        Task[] canceling = [.. Enumerable.Range(0, 3).Select(_ => Task.Run(async () =>
        {
            for (int i = 0; i < Rounds; i++)
            {
                long before = Interlocked.Read(ref seen);
                pair.Input.CancelPendingRead();
                while (Interlocked.Read(ref seen) == before && !reading.IsCompleted) await Task.Yield();
            }
        }))];
        foreach (byte value in bytes) await pair.SendAsync([value]);
        await Task.WhenAll(canceling).WithTimeout();
        pair.Client.Shutdown(SocketShutdown.Send);
        await reading.WithTimeout();
        Assert.Equal(bytes, received);
    });

    [Fact]
    public async Task CancelPendingRead_ManyWithoutPause_ReadsCompleteOnlyAsCanceled()
    {
        await using TestTransport transport = await TestTransport.StartAsync();
        await using TestPair pair = await transport.ConnectAsync();
        int left = Rounds * 5;

        // On separate threads, because the reads need those of the pool.
        Task[] canceling = [.. Enumerable.Range(0, 3).Select(_ => Task.Factory.StartNew(
            () =>
            {
                while (Volatile.Read(ref left) > 0) pair.Input.CancelPendingRead();
            },
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default))];
        try
        {
            // A read must not throw: it has no token.
            for (; left > 0; left--)
            {
                ReadResult read = await Task.Run(async () => await pair.Input.ReadAsync()).WithTimeout();
                Assert.True(read.IsCanceled);
                pair.Input.AdvanceTo(read.Buffer.End);
            }
        }
        finally
        {
            left = 0;
            await Task.WhenAll(canceling).WithTimeout();
        }
    }

    [Fact]
    public async Task Read_TokenCanceled_ThrowsAndNextReadReturnsBytes()
    {
        await using TestTransport transport = await TestTransport.StartAsync();
        await using TestPair pair = await transport.ConnectAsync();
        using var source = new CancellationTokenSource();
        Task<ReadResult> waiting = await pair.WaitForReadAsync(source.Token);
        await source.CancelAsync();
        OperationCanceledException e = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting.WithTimeout());
        Assert.Equal(source.Token, e.CancellationToken);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await pair.Input.ReadAsync(source.Token));

        waiting = await pair.WaitForReadAsync();
        await pair.SendAsync([1]);
        Assert.Equal([1], (await waiting.WithTimeout()).Buffer.ToArray());
    }

    [Fact]
    public Task Read_TokensCanceledAtRandomTimes_LosesNoCancellationAndNoByte() => Seeds.RunAsync(async random =>
    {
        await using TestTransport transport = await TestTransport.StartAsync();
        await using TestPair pair = await transport.ConnectAsync();
        byte[] bytes = Patience.Bytes(Rounds, random.Next());
        Task sending = Task.Run(async () =>
        {
            foreach (byte value in bytes)
            {
                await pair.SendAsync([value]);
                if (value % 3 == 0) await Task.Yield();
            }
        });
        var received = new List<byte>();
        await Task.Run(async () =>
        {
            while (received.Count < bytes.Length)
            {
                using var source = new CancellationTokenSource();
                Task canceling = Task.Run(source.Cancel);
                try
                {
                    ReadResult read = await pair.Input.ReadAsync(source.Token).WithTimeout();
                    Assert.False(read.IsCanceled);
                    received.AddRange(read.Buffer.ToArray());
                    pair.Input.AdvanceTo(read.Buffer.End);
                }
                catch (OperationCanceledException e)
                {
                    Assert.Equal(source.Token, e.CancellationToken);
                }
                await canceling;
            }
        });
        await sending;
        Assert.Equal(bytes, received);
    });
}
