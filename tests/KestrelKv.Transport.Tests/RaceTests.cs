using System.IO.Pipelines;

namespace KestrelKv.Transport.Tests;

/// <summary>Races that occur only after many attempts.</summary>
public sealed class RaceTests
{
    private const int Rounds = 5_000;

    [Fact]
    public async Task CancelPendingRead_WhileLoopReceivesNothing_CancelsRead()
    {
        await using TestTransport transport = await TestTransport.StartAsync();
        await using TestPair pair = await transport.ConnectAsync();
        await using var loop = await BusyLoop.StartAsync(transport, pair);
        for (int round = 0; round < Rounds; round++)
        {
            ValueTask<ReadResult> reading = pair.Input.ReadAsync();
            pair.Input.CancelPendingRead();
            Assert.True((await reading.WithTimeout()).IsCanceled);
        }
    }

    [Fact]
    public async Task Read_TokenCanceledWhileLoopReceivesNothing_Throws()
    {
        await using TestTransport transport = await TestTransport.StartAsync();
        await using TestPair pair = await transport.ConnectAsync();
        await using var loop = await BusyLoop.StartAsync(transport, pair);
        for (int round = 0; round < Rounds; round++)
        {
            using var source = new CancellationTokenSource();
            ValueTask<ReadResult> reading = pair.Input.ReadAsync(source.Token);
            await source.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading.WithTimeout());
        }
    }

    [Fact]
    public async Task OnWritable_WhileFlushSends_CausesAnotherAttempt()
    {
        await using TestTransport transport = await TestTransport.StartAsync(threads: 2);
        await Task.WhenAll(Enumerable.Range(0, 3).Select(async _ =>
        {
            await using TestPair pair = await transport.ConnectAsync();
            pair.Connection.Socket.SendBufferSize = 4_096;
            byte[] bytes = Patience.Bytes(20_000);
            Task<byte[]> receiving = Task.Run(() => pair.ReceiveAsync(bytes.Length * Rounds));

            // With enough attempts, the room that the client makes is reported just before the flush waits.
            for (int round = 0; round < Rounds; round++) await Task.Run(async () => await pair.Output.WriteAsync(bytes)).WithTimeout();
            Assert.Equal(bytes.Length * Rounds, (await receiving).Length);
        }));
    }

    [Fact]
    public async Task Post_WhileLoopGoesToSleep_GetsItsTurn()
    {
        await using TestTransport transport = await TestTransport.StartAsync();
        await using TestPair pair = await transport.ConnectAsync();
        await Task.Run(async () =>
        {
            var random = new Random(1);
            for (int round = 0; round < Rounds * 2; round++)
            {
                // The loop has handled the event of the byte, for which no read waits, and is about to sleep when the read requests a turn.
                pair.Client.Send([1]);
                Thread.SpinWait(random.Next(300));
                pair.Input.AdvanceTo((await pair.Input.ReadAsync().WithTimeout()).Buffer.End);
                if (random.Next(2) == 0) await Task.Yield();
            }
        });
    }

    /// <summary>Blocks the loop's thread, and in its place continually reports bytes that do not exist.</summary>
    private sealed class BusyLoop(ManualResetEventSlim release) : IAsyncDisposable
    {
        private Task _running = Task.CompletedTask;
        private volatile bool _stopping;

        public static async Task<BusyLoop> StartAsync(TestTransport transport, TestPair pair)
        {
            var loop = new BusyLoop(await transport.BlockAsync());
            loop._running = Task.Factory.StartNew(
                () =>
                {
                    while (!loop._stopping) pair.Connection.OnEvents(Libc.CanRead);
                },
                CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            return loop;
        }

        public async ValueTask DisposeAsync()
        {
            _stopping = true;
            await _running.WithTimeout();
            release.Set();
        }
    }
}
