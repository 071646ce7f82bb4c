using System.Buffers.Binary;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;
using KestrelKv.Protocol;
using KestrelKv.Server.Hosting;
using KestrelKv.Server.Security;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace KestrelKv.Server.Admin;

/// <summary>
/// Checks that the wire port responds: connects to it and sends a request. Each check therefore adds a connection and a request to
/// the metrics.
/// </summary>
internal sealed class WireHealthCheck(BoundAddresses addresses, IEnumerable<ServerCertificate> certificates) : IHealthCheck
{
    /// <summary>A PING frame: version 1, and a body of 27 bytes.</summary>
    private static readonly byte[] Ping = [1, 0, 0, 0, 27, 0, 0, 0, .. "{\"func\":\"PING\",\"params\":{}}"u8];

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        HealthCheckResult result = HealthCheckResult.Healthy();
        try
        {
            foreach (IPEndPoint address in addresses.Wire) await CallAsync(address, null, cancellationToken);
            foreach (IPEndPoint address in addresses.WireTls)
                await CallAsync(address, certificates.OfWire()!.Current.ToSelf(), cancellationToken);
        }
        catch (Exception e) when (e is SocketException or IOException or InvalidDataException or AuthenticationException)
        {
            result = HealthCheckResult.Unhealthy($"the wire port does not respond: {e.Message}");
        }

        // The continuation runs on an I/O thread that the wire also uses. Yield to release that thread.
        await Task.Yield();
        return result;
    }

    private static async Task CallAsync(IPEndPoint bound, SslClientAuthenticationOptions? tls, CancellationToken cancellationToken)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(ListenAddress.ToDial(bound.Address), bound.Port, cancellationToken);
        await using Stream stream = tls is null ? new NetworkStream(socket) : await EncryptAsync(socket, tls, cancellationToken);
        await stream.WriteAsync(Ping, cancellationToken);

        byte[] header = new byte[FrameReader.HeaderBytes];
        await stream.ReadExactlyAsync(header, cancellationToken);
        byte[] body = new byte[BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(sizeof(int)))];
        await stream.ReadExactlyAsync(body, cancellationToken);
        if (!body.AsSpan().StartsWith("{\"status\": \"OK\""u8)) throw new InvalidDataException(Encoding.UTF8.GetString(body));
    }

    private static async Task<SslStream> EncryptAsync(
        Socket socket, SslClientAuthenticationOptions tls, CancellationToken cancellationToken)
    {
        var stream = new SslStream(new NetworkStream(socket));
        try
        {
            await stream.AuthenticateAsClientAsync(tls, cancellationToken);
            return stream;
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
    }
}
