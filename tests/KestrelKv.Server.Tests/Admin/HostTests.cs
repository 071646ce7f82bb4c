using System.Net.Sockets;
using System.Text;

namespace KestrelKv.Server.Tests.Admin;

/// <summary>While the admin HTTP serves this machine alone, no name but the machine's own for itself gets in.</summary>
public sealed class HostTests(DefaultServer server) : IClassFixture<DefaultServer>
{
    [Theory]
    [InlineData("localhost", 200)]
    [InlineData("127.0.0.1", 200)]
    [InlineData("[::1]", 200)]
    [InlineData("evil.example", 400)]
    [InlineData("localhost.evil.example", 400)]
    public async Task Request_ForAHost_IsAnsweredForLoopbackNamesAlone(string host, int status)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(server.Process.Admin.Host, server.Process.Admin.Port);
        using var stream = new NetworkStream(socket);
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"GET /v1/stats HTTP/1.1\r\nHost: {host}:{server.Process.Admin.Port}\r\n\r\n"));

        using var reader = new StreamReader(stream);
        Assert.StartsWith($"HTTP/1.1 {status} ", await reader.ReadLineAsync(), StringComparison.Ordinal);
    }
}
