using System.Diagnostics;
using System.Net;
using System.Net.Security;
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
            await using Stream stream = server.IsTls ? await EncryptAsync(socket) : new NetworkStream(socket);
            await stream.WriteAsync(buffer.AsMemory(0, get.Length));
            return server.Protocol.IsGetAnswered(buffer.AsSpan(0, await stream.ReadAsync(buffer)));
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
            return false; // The server is not listening yet.
        }
    }

    private static async Task<SslStream> EncryptAsync(Socket socket)
    {
        // The certificate was made for this run.
        var stream = new SslStream(new NetworkStream(socket), false, (_, certificate, _, _) => certificate is not null);
        await stream.AuthenticateAsClientAsync("localhost");
        return stream;
    }
}
