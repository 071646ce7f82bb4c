using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using KestrelKv.Protocol;
using KestrelKv.Server.Hosting;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace KestrelKv.Server.Admin;

/// <summary>
/// Ready means that the wire port really answers: this dials it and makes a call. So each time it is asked, metrics
/// count a connection, and a request.
/// </summary>
internal sealed class WireHealthCheck(BoundAddresses addresses) : IHealthCheck
{
    /// <summary>Version 1, 27 bytes, and a call that changes nothing.</summary>
    private static readonly byte[] Ping = [1, 0, 0, 0, 27, 0, 0, 0, .. "{\"func\":\"PING\",\"params\":{}}"u8];

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        HealthCheckResult result = HealthCheckResult.Healthy();
        try
        {
            foreach (IPEndPoint address in addresses.Wire) await CallAsync(address, cancellationToken);
        }
        catch (Exception e) when (e is SocketException or IOException or InvalidDataException)
        {
            result = HealthCheckResult.Unhealthy($"the wire port does not answer: {e.Message}");
        }

        // This has been running on the thread that the system told of the reply: one of the wire's.
        await Task.Yield();
        return result;
    }

    private static async Task CallAsync(IPEndPoint bound, CancellationToken cancellationToken)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(ListenAddress.ToDial(bound.Address), bound.Port, cancellationToken);
        using var stream = new NetworkStream(socket);
        await stream.WriteAsync(Ping, cancellationToken);

        byte[] header = new byte[FrameReader.HeaderBytes];
        await stream.ReadExactlyAsync(header, cancellationToken);
        byte[] body = new byte[BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(sizeof(int)))];
        await stream.ReadExactlyAsync(body, cancellationToken);
        if (!body.AsSpan().StartsWith("{\"status\": \"OK\""u8)) throw new InvalidDataException(Encoding.UTF8.GetString(body));
    }
}
