using System.Net.Sockets;
using KestrelKv.Testing;
using Microsoft.AspNetCore.Connections;

namespace KestrelKv.Transport.Tests;

/// <summary>Many concurrent connections with random operations. Each client receives the bytes that it sent.</summary>
public sealed class RandomStreamsTests
{
    private const int ConcurrentConnections = 12;

    [Fact]
    public Task Echo_RandomStreams_ReturnsSameBytes() => Seeds.RunAsync(async random =>
    {
        await using TestTransport one = await TestTransport.StartAsync(threads: 1);
        await using TestTransport two = await TestTransport.StartAsync(threads: 2);
        foreach (long step in SoakTime.Steps())
        {
            TestTransport transport = step % 2 == 0 ? one : two;
            var all = new List<Task>();
            for (int i = 0; i < ConcurrentConnections; i++)
            {
                TestPair pair = await transport.ConnectAsync(random.Next(3) == 0 ? 8_192 : null);
                all.Add(RunAsync(pair, random.Next()));
            }
            await Task.WhenAll(all).WithTimeout();
            Assert.Equal(0, transport.Count);
        }
    });

    private static Task RunAsync(TestPair pair, int seed) => Task.Run(async () =>
    {
        var random = new Random(seed);
        byte[] bytes = Patience.Bytes(random.Next(10) == 0 ? random.Next(3_000_000) : random.Next(60_000), seed);
        Task serving = ServeAsync(pair.Connection, random.Next());
        Task<bool> sending = SendAsync(pair.Client, bytes, new Random(random.Next()));
        if (random.Next(8) == 0)
        {
            // The client disconnects in the middle of the stream.
            await TestPair.ReceiveAsync(pair.Client, random.Next(bytes.Length + 1));
            pair.Reset();
            await sending;
        }
        else
        {
            byte[] back = await TestPair.ReceiveAsync(pair.Client, bytes.Length + 1);
            Assert.True(await sending);
            Assert.True(bytes.AsSpan().SequenceEqual(back), $"{bytes.Length} bytes sent, {back.Length} or different ones received");
        }
        await serving;
        await pair.DisposeAsync();
    });

    private static async Task ServeAsync(ConnectionContext connection, int seed)
    {
        try
        {
            await Task.Run(() => Echo.ServeAsync(connection, new Random(seed)));
        }
        catch (ConnectionResetException)
        {
            // The client may have reset the connection.
        }
        await connection.DisposeAsync();
    }

    /// <summary>Sends all bytes in random pieces. Returns false if the client was closed meanwhile.</summary>
    private static async Task<bool> SendAsync(Socket client, byte[] bytes, Random random)
    {
        try
        {
            for (int sent = 0; sent < bytes.Length;)
            {
                int count = Math.Min(bytes.Length - sent, 1 + random.Next(random.Next(3) switch { 0 => 5, 1 => 3_000, _ => 200_000 }));
                await TestPair.SendAsync(client, bytes.AsMemory(sent, count));
                sent += count;
                if (random.Next(3) == 0) await Task.Yield();
            }
            client.Shutdown(SocketShutdown.Send);
            return true;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return false;
        }
    }
}
