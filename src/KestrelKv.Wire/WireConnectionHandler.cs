using KestrelKv.Protocol;
using KestrelKv.Storage;
using KestrelKv.Wire.Security;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.Extensions.Logging;

namespace KestrelKv.Wire;

/// <summary>Serves the wire protocol on the connections that Kestrel accepts.</summary>
/// <remarks>
/// The transport must complete a flush only once the system has the bytes, as with a write buffer of one or two bytes. Otherwise
/// <see cref="WireOptions.WriteTimeout"/> does not apply to the last bytes of a connection.
/// </remarks>
public sealed class WireConnectionHandler(
    IKeyValueStore store,
    WireConnections connections,
    RequestLimits limits,
    WireOptions options,
    WireMetrics metrics,
    TimeProvider time,
    ILogger<WireConnectionHandler> logger,
    IAccessControl? access = null,
    RequestTracing? tracing = null) : ConnectionHandler
{
    private static readonly TimeSpan RefusalLogPeriod = TimeSpan.FromSeconds(10);

    private long _refusalsUnlogged;
    private long _refusalsLoggedAt;

    /// <inheritdoc/>
    public override Task OnConnectedAsync(ConnectionContext connection)
    {
        // A transport that reuses its connections keeps a WireConnection with them for the next client.
        IDictionary<object, object?>? persistent = connection.Features.Get<IPersistentStateFeature>()?.State;
        WireConnection wire =
            persistent is not null && persistent.Remove(this, out object? last)
            && last is WireConnection reusable && reusable.Serves(connection)
                ? reusable
                : new WireConnection(connection, store, limits, options, metrics, connections, access, tracing, time);
        wire.Open();
        if (options.ProtectedMode && access is null && !HasRequiredCertificate(connection) && !PeerGuard.IsThisMachine(connection))
            return RefuseAsync(wire, connection, ProtectedModeError());
        return connections.TryAdd(wire) ? ServeAsync(wire, connection, persistent) : RefuseAsync(wire, connection, TooManyError());
    }

    private async Task ServeAsync(WireConnection wire, ConnectionContext connection, IDictionary<object, object?>? persistent)
    {
        metrics.CountAccepted();
        CloseReason reason = CloseReason.InternalError;
        CancellationTokenRegistration stop = default;
        try
        {
            var lifetime = connection.Features.Get<IConnectionLifetimeNotificationFeature>();
            stop = lifetime?.ConnectionClosedRequested.UnsafeRegister(static state => ((WireConnection)state!).Stop(), wire) ?? default;
            reason = await wire.ServeAsync();
        }
        catch (Exception e) when (e is ConnectionResetException or ConnectionAbortedException)
        {
            // The client has disconnected during an operation, or the connection was aborted.
            reason = CloseReason.Reset;
        }
        catch (OperationCanceledException) when (connection.ConnectionClosed.IsCancellationRequested)
        {
            // The connection was aborted during a call.
            reason = wire.IsStopping ? CloseReason.Stopping : CloseReason.Reset;
        }
        catch (StoreFailureException e)
        {
            // Some replies report changes that may be lost, and cannot be retracted.
            reason = CloseReason.StoreFailed;
            Log.ConnectionLostToStore(logger, wire.Id, e.Message);
            var error = new ProtocolError(
                ErrorCode.InternalError, $"the store failed, and the request may or may not have been executed: {e.Message}");
            await TrySendAsync(() => wire.FailAsync(error));
        }
        catch (Exception e)
        {
            // Any other exception is a bug, which must not affect other connections.
            Log.ConnectionFailed(logger, wire.Id, e);
            await TrySendAsync(() => wire.FailAsync(new(ErrorCode.InternalError, "the server failed; its log has the details")));
        }
        finally
        {
            // An abort surfaces as an exception or as a completed flush. Its own reason replaces theirs.
            reason = wire.AbortReason ?? reason;
            if (reason == CloseReason.WriteTimeout) Log.ConnectionAborted(logger, wire.Id, options.WriteTimeout);
            await stop.DisposeAsync();
            wire.Close();
            connections.Remove(wire);
            metrics.CountClosed(reason);
            if (logger.IsEnabled(LogLevel.Debug)) Log.ConnectionEnded(logger, wire.Id, reason);
            if (persistent is not null && wire.IsReusable) persistent[this] = wire;
            else wire.Dispose();
        }
    }

    /// <summary>Whether the client has authenticated by a certificate, and every client of the TLS port must.</summary>
    private bool HasRequiredCertificate(ConnectionContext connection) =>
        options.Tls.ClientCertificates == ClientCertificateMode.Require
        && connection.Features.Get<ITlsFeature>() is { ClientCertificate: not null };

    private async Task RefuseAsync(WireConnection wire, ConnectionContext connection, ProtocolError error)
    {
        metrics.CountRefused(error.Code);
        LogRefusal(connection, error);
        await TrySendAsync(() => wire.CloseAsync(error));
        wire.Close();
        connections.AddClosed(wire.Counters);
        wire.Dispose();
    }

    /// <summary>Logs the first refusal at once and later ones as a count, so that refused clients cannot fill the log.</summary>
    private void LogRefusal(ConnectionContext connection, ProtocolError error)
    {
        Interlocked.Increment(ref _refusalsUnlogged);
        long last = Volatile.Read(ref _refusalsLoggedAt);
        if (last != 0 && time.GetElapsedTime(last) < RefusalLogPeriod) return;
        if (Interlocked.CompareExchange(ref _refusalsLoggedAt, time.GetTimestamp(), last) != last) return;
        Log.ConnectionsRefused(
            logger, Interlocked.Exchange(ref _refusalsUnlogged, 0), ErrorCodes.Text(error.Code), connection.RemoteEndPoint);
    }

    private static async Task TrySendAsync(Func<Task> send)
    {
        try
        {
            await send();
        }
        catch (Exception e) when (e is ConnectionResetException or ConnectionAbortedException or InvalidOperationException)
        {
            // The client has disconnected, or the failed call still uses the pipe.
        }
    }

    private static ProtocolError ProtectedModeError() => new(ErrorCode.ProtectedMode,
        "the server is in protected mode and serves only its own machine; " +
        "to serve all clients that can reach the port, set KestrelKv:Wire:ProtectedMode to false");

    private ProtocolError TooManyError() => new(ErrorCode.TooManyConnections,
        $"{options.ConnectionsMax} connections are open, the maximum (Wire:ConnectionsMax)");
}
