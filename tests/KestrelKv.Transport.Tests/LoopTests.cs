using System.Collections.Concurrent;
using System.Globalization;
using System.IO.Pipelines;
using System.Net.Sockets;
using KestrelKv.Testing;
using Microsoft.AspNetCore.Connections;

namespace KestrelKv.Transport.Tests;

/// <summary>The connections of a loop affect each other as little as possible.</summary>
public sealed class LoopTests
{
    [Fact]
    public async Task Turns_OneConnectionAlwaysReadable_DoesNotDelayOthers()
    {
        const int Others = 20;
        await using TestTransport transport = await TestTransport.StartAsync();
        var order = new ConcurrentQueue<int>();
        var pairs = new List<TestPair>();
        var serving = new List<Task>();
        for (int i = 0; i <= Others; i++)
        {
            TestPair pair = await transport.ConnectAsync();
            pairs.Add(pair);
            int number = i;
            serving.Add(Task.Run(() => CountTurnsAsync(pair, number, order)));
            await Wait.UntilAsync(() => pair.ReaderIsWaiting, () => "the read never waited");
        }

        ManualResetEventSlim release = await transport.BlockAsync();
        Task sending = Task.Run(() => pairs[0].SendAsync(new byte[4 * 1024 * 1024]));
        await Wait.UntilAsync(() => pairs[0].Connection.Socket.Available > 60_000, () => "the bytes of the first connection do not arrive");
        foreach (TestPair pair in pairs[1..]) await pair.SendAsync([1]);
        release.Set();
        await sending.WithTimeout();
        foreach (TestPair pair in pairs) pair.Client.Close();
        await Task.WhenAll(serving).WithTimeout();

        int[] turns = [.. order];
        int lastFirstTurn = Enumerable.Range(1, Others).Max(number => Array.IndexOf(turns, number));
        Assert.True(turns.Count(number => number == 0) > 10);
        Assert.InRange(turns[..lastFirstTurn].Count(number => number == 0), 0, 2);
        foreach (TestPair pair in pairs) await pair.DisposeAsync();
    }

    [Fact]
    public async Task Turns_OneConnectionAlwaysReadable_HasOneTurnPerRound()
    {
        const long Bytes = 256L * 1024 * 1024;
        await using TestTransport transport = await TestTransport.StartAsync();
        await using TestPair pair = await transport.ConnectAsync();
        Task sending = Task.Run(async () =>
        {
            byte[] piece = new byte[64 * 1024];
            for (long sent = 0; sent < Bytes; sent += piece.Length) await pair.SendAsync(piece);
        });

        // Each arriving piece also causes an event while a turn is already requested.
        int most = 0;
        for (long received = 0; received < Bytes;)
        {
            ReadResult read = await pair.Input.ReadAsync();
            most = Math.Max(most, pair.LoopTurnsWaiting);
            received += read.Buffer.Length;
            pair.Input.AdvanceTo(read.Buffer.End);
        }
        await sending.WithTimeout();
        Assert.InRange(most, 0, 1);
    }

    [Fact]
    public async Task Connections_OpenedAndClosedQuickly_EachReceivesItsOwnBytes()
    {
        const int Workers = 6;
        const int Each = 350;
        await using TestTransport transport = await TestTransport.StartAsync(threads: 2);
        var serving = new ConcurrentBag<Task>();
        Task accepting = Task.Run(async () =>
        {
            for (int i = 0; i < Workers * Each; i++)
            {
                ConnectionContext connection = await transport.AcceptAsync();
                serving.Add(Task.Run(() => AnswerAsync(connection)));
            }
        });
        await Task.WhenAll(Enumerable.Range(0, Workers).Select(worker => Task.Run(async () =>
        {
            for (int i = 0; i < Each; i++)
            {
                using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                await client.ConnectAsync(transport.EndPoint);
                byte[] number = BitConverter.GetBytes(((long)worker << 32) + i);
                await TestPair.SendAsync(client, number);
                if (i % 5 == 0) TestPair.Reset(client);
                else if (i % 7 == 0) client.Close();
                else Assert.Equal(number, await TestPair.ReceiveAsync(client, 100));
            }
        }))).WithTimeout();
        await accepting.WithTimeout();
        await Task.WhenAll(serving).WithTimeout();
        Assert.Equal(0, transport.Count);
    }

    [Fact]
    public async Task Events_OfReusedDescriptor_DoNotEndNewConnection()
    {
        await using TestTransport transport = await TestTransport.StartAsync();
        for (int round = 0; round < 20; round++)
        {
            // The loop reads both events at once. When it handles the second one, its connection is closed and the descriptor reused.
            TestPair old = await transport.ConnectAsync();
            ManualResetEventSlim release = await transport.BlockAsync();
            await old.SendAsync([9]);
            old.Client.Close();
            await old.Connection.DisposeAsync();
            Task<TestPair> connecting = transport.ConnectAsync();
            release.Set();
            await using TestPair pair = await connecting;
            await pair.SendAsync([1]);
            Assert.Equal([1], await pair.ReadAsync(1));
            Task<ReadResult> waiting = await pair.WaitForReadAsync();
            await pair.SendAsync([2]);
            ReadResult read = await waiting.WithTimeout();
            Assert.Equal(1, read.Buffer.Length);
            Assert.False(read.IsCompleted);
        }
    }

    [Fact]
    public async Task OnEvents_Spurious_AreIgnored()
    {
        await using TestTransport transport = await TestTransport.StartAsync();
        await using TestPair pair = await transport.ConnectAsync();
        Task<ReadResult> waiting = await pair.WaitForReadAsync();
        using ManualResetEventSlim release = await transport.BlockAsync();

        // The loop's thread is blocked, so this thread can act in its place.
        pair.Connection.OnEvents(Libc.CanRead | Libc.CanWrite | Libc.HungUp | Libc.ReadHungUp | Libc.Failed);
        Assert.True(pair.ReaderIsWaiting);
        Assert.Equal(0, pair.ReaderBufferBytes);
        release.Set();
        await pair.SendAsync([1]);
        Assert.False((await waiting.WithTimeout()).IsCompleted);
    }

    [Fact]
    public async Task Dispose_TwiceWithOpenConnections_WritesToNoOtherFile()
    {
        await using TestTransport listening = await TestTransport.StartAsync();
        await using TestPair pair = await listening.ConnectAsync();
        using var directory = new DataDirectory();
        for (int round = 0; round < 20; round++)
        {
            var loop = new EventLoop("test");
            loop.Dispose();
            FileStream[] files = [.. Enumerable.Range(0, 20)
                .Select(i => File.Create(directory.PathTo(string.Create(CultureInfo.InvariantCulture, $"{round}-{i}"))))];
            loop.Dispose();
            loop.Post(pair.Connection);
            Assert.Throws<ObjectDisposedException>(() => loop.Add(pair.Connection));
            Assert.All(files, file => Assert.Equal(0, RandomAccess.GetLength(file.SafeFileHandle)));
            foreach (FileStream file in files) await file.DisposeAsync();
        }
    }

    private static async Task CountTurnsAsync(TestPair pair, int number, ConcurrentQueue<int> order)
    {
        while (true)
        {
            ReadResult read = await pair.Input.ReadAsync();
            order.Enqueue(number);
            pair.Input.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted) return;
        }
    }

    private static async Task AnswerAsync(ConnectionContext connection)
    {
        try
        {
            ReadResult read = await connection.Transport.Input.ReadAtLeastAsync(sizeof(long));
            foreach (ReadOnlyMemory<byte> piece in read.Buffer) await connection.Transport.Output.WriteAsync(piece);
        }
        catch (ConnectionResetException)
        {
            // The client did not wait for the reply.
        }
        await connection.DisposeAsync();
    }
}
