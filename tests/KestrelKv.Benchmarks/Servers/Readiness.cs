using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using KestrelKv.Benchmarks.Loads;

namespace KestrelKv.Benchmarks.Servers;

internal static class Readiness
{
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(1);

    /// <summary>Waits for a successful reply to a GET, whether or not the key exists.</summary>
    /// <exception cref="InvalidOperationException">The server has exited, or did not answer in time.</exception>
    public static async Task WaitAsync(IServer server)
    {
        for (long start = Stopwatch.GetTimestamp(); !await AnswersAsync(server); await Task.Delay(PollInterval))
        {
            if (server.Program.HasExited || Stopwatch.GetElapsedTime(start) > Timeout)
                throw new InvalidOperationException($"{server.Name} does not answer. Its output:\n{server.Program.Output}");
        }
    }

    private static async Task<bool> AnswersAsync(IServer server)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(IPAddress.Loopback, server.Port);
            byte[] buffer = new byte[1_024];
            MessageShape get = server.Protocol.ShapeOf(server.Protocol.GetRequest, valueBytes: 2);
            get.Write(buffer, key: 0, digits: default);
            await socket.SendAsync(buffer.AsMemory(0, get.Length));
            return server.Protocol.IsGetAnswered(buffer.AsSpan(0, await socket.ReceiveAsync(buffer)));
        }
        catch (SocketException)
        {
            return false; // The server is not listening yet.
        }
    }
}
