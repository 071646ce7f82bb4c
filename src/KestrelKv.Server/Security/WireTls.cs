using System.IO.Pipelines;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using KestrelKv.Transport.Tls;
using KestrelKv.Wire;
using KestrelKv.Wire.Security;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace KestrelKv.Server.Security;

/// <summary>Encrypts the connections of the wire's TLS port.</summary>
internal sealed partial class WireTls(
    ServerCertificate certificate, TlsOptions options, WireConnections connections, TlsMetrics metrics, ILogger<WireTls> logger)
    : IDisposable
{
    /// <summary>How long bytes are discarded after a failed handshake, so that the client can read the reason (an alert).</summary>
    private static readonly TimeSpan LingerTime = TimeSpan.FromSeconds(1);

    private readonly HandshakeSlots _slots = new(Environment.ProcessorCount);

    public ConnectionDelegate Encrypt(ConnectionDelegate next) => connection => ServeAsync(connection, next);

    public void Dispose() => _slots.Dispose();

    private async Task ServeAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        IDuplexPipe transport = connection.Transport;
        using var tls = new TlsDuplex(transport, _slots);
        HandshakeOutcome outcome = await HandshakeAsync(connection, tls);
        metrics.CountHandshake(outcome);
        if (outcome != HandshakeOutcome.Ok) return;

        // The handler must not keep state for the next client: this transport is not the next client's.
        connection.Features.Set<IPersistentStateFeature>(null);
        connection.Features.Set<ITlsFeature>(new TlsFeature(tls.ClientCertificate));
        connection.Transport = tls;
        try
        {
            await next(connection);
        }
        finally
        {
            connection.Transport = transport;
            tls.End();
        }
    }

    private async Task<HandshakeOutcome> HandshakeAsync(ConnectionContext connection, TlsDuplex tls)
    {
        CancellationToken stop = connection.Features.Get<IConnectionLifetimeNotificationFeature>()?.ConnectionClosedRequested ?? default;
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var place = new LinkedListNode<CancellationTokenSource>(timeout);
        if (!connections.TryBeginHandshake(place)) return HandshakeOutcome.Refused;
        timeout.CancelAfter(options.HandshakeTimeout);
        try
        {
            await tls.AuthenticateAsync(certificate.Current.Server, timeout.Token);
            return HandshakeOutcome.Ok;
        }
        catch (OperationCanceledException)
        {
            return stop.IsCancellationRequested || !connections.EndHandshake(place) ? HandshakeOutcome.Refused : HandshakeOutcome.Timeout;
        }
        catch (Exception e) when (e is AuthenticationException or IOException or InvalidDataException)
        {
            if (logger.IsEnabled(LogLevel.Debug)) Failed(logger, connection.ConnectionId, e.Message);
            if (e is not ConnectionResetException) await LingerAsync(connection.Transport.Input, timeout.Token);
            return HandshakeOutcome.Failed;
        }
        finally
        {
            connections.EndHandshake(place);
        }
    }

    /// <summary>
    /// Discards what the client still sends. If a socket is closed with unread bytes, the system resets the connection, and a reset can
    /// overtake the alert.
    /// </summary>
    private static async Task LingerAsync(PipeReader input, CancellationToken cancellationToken)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(LingerTime);
        try
        {
            while (true)
            {
                ReadResult read = await input.ReadAsync(timeout.Token);
                input.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted) return;
            }
        }
        catch (Exception e) when (e is OperationCanceledException or ConnectionResetException)
        {
            // The time is over, or the client has disconnected.
        }
    }

    [LoggerMessage(113, LogLevel.Debug, "The TLS handshake of connection {ConnectionId} failed: {Reason}")]
    private static partial void Failed(ILogger logger, string connectionId, string reason);
}

/// <summary>The feature of an encrypted connection.</summary>
internal sealed record TlsFeature(X509Certificate2? ClientCertificate) : ITlsFeature;
