using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using KestrelKv.Benchmarks.Loads;

namespace KestrelKv.Benchmarks.Servers;

/// <summary>Tells when a server that was started answers.</summary>
internal static class Readiness
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(1);

    /// <summary>Waits until a get is answered, be it that there is no such key.</summary>
    /// <exception cref="InvalidOperationException">It has exited, or needs too long.</exception>
    public static async Task WaitAsync(IServer server)
    {
        for (long start = Stopwatch.GetTimestamp(); !await AnswersAsync(server); await Task.Delay(PollInterval))
        {
            if (server.Program.HasExited || Stopwatch.GetElapsedTime(start) > Patience)
                throw new InvalidOperationException($"{server.Name} does not answer. It said:\n{server.Program.Output}");
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
            return false; // It does not listen yet.
        }
    }
}
