using KestrelKv.Protocol;
using KestrelKv.Storage;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.Extensions.Logging;

namespace KestrelKv.Wire;

/// <summary>Serves the wire protocol on the connections that Kestrel accepts.</summary>
/// <remarks>
/// The transport should be configured so that a flush completes once the bytes are with the system (a write buffer
/// of a byte or two), or <see cref="WireOptions.WriteTimeout"/> does not see the last bytes of a connection.
/// </remarks>
public sealed class WireConnectionHandler(
    IKeyValueStore store,
    WireConnections connections,
    RequestLimits limits,
    WireOptions options,
    WireMetrics metrics,
    TimeProvider time,
    ILogger<WireConnectionHandler> logger) : ConnectionHandler
{
    private static readonly TimeSpan RefusalLogPeriod = TimeSpan.FromSeconds(10);

    private long _refusalsUnlogged;
    private long _refusalsLoggedAt;

    /// <inheritdoc/>
    public override Task OnConnectedAsync(ConnectionContext connection)
    {
        // A transport that reuses its connections has one for the next client, with all its objects.
        IDictionary<object, object?>? kept = connection.Features.Get<IPersistentStateFeature>()?.State;
        WireConnection wire = kept is not null && kept.Remove(this, out object? last) && last is WireConnection one && one.Serves(connection)
            ? one
            : new WireConnection(connection, store, limits, options, metrics, connections, time);
        wire.Open();
        if (options.ProtectedMode && !PeerGuard.IsThisMachine(connection)) return RefuseAsync(wire, connection, ProtectedModeError());
        return connections.TryAdd(wire) ? ServeAsync(wire, connection, kept) : RefuseAsync(wire, connection, TooManyError());
    }

    private async Task ServeAsync(WireConnection wire, ConnectionContext connection, IDictionary<object, object?>? kept)
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
            // The client has gone in the middle of something, or was cut off.
            reason = CloseReason.Reset;
        }
        catch (OperationCanceledException) when (connection.ConnectionClosed.IsCancellationRequested)
        {
            // A call was under way when the connection was cut off.
            reason = wire.IsStopping ? CloseReason.Stopping : CloseReason.Reset;
        }
        catch (DurabilityLostException e)
        {
            // Some replies report changes that may be lost, and cannot be retracted.
            reason = CloseReason.DiskFailed;
            Log.ConnectionLostToDisk(logger, wire.Id, e.Message);
            var error = new ProtocolError(
                ErrorCode.InternalError, $"the disk has failed, and whether what was asked for was done is not known: {e.Message}");
            await TrySendAsync(() => wire.FailAsync(error));
        }
        catch (Exception e)
        {
            // Any other exception is a bug, which must not affect other connections.
            Log.ConnectionFailed(logger, wire.Id, e);
            await TrySendAsync(() => wire.FailAsync(new(ErrorCode.InternalError, "a fault of the server's own; its log says more")));
        }
        finally
        {
            // Being cut may show as an exception, or as a flush that nobody waits for.
            reason = wire.CutReason ?? reason;
            if (reason == CloseReason.WriteTimeout) Log.ConnectionCut(logger, wire.Id, options.WriteTimeout);
            await stop.DisposeAsync();
            wire.Close();
            connections.Remove(wire);
            metrics.CountClosed(reason);
            if (logger.IsEnabled(LogLevel.Debug)) Log.ConnectionEnded(logger, wire.Id, reason);
            if (kept is not null && wire.IsReusable) kept[this] = wire;
            else wire.Dispose();
        }
    }

    private async Task RefuseAsync(WireConnection wire, ConnectionContext connection, ProtocolError error)
    {
        metrics.CountRefused(error.Code);
        LogRefusal(connection, error);
        await TrySendAsync(() => wire.CloseAsync(error));
        connections.AddClosed(wire.Counters);
        wire.Dispose();
    }

    /// <summary>Refused clients must not be able to fill the log: the first refusal is logged at once, the others as a count.</summary>
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
            // The client has gone, or the pipe is in the middle of the failed call.
        }
    }

    private static ProtocolError ProtectedModeError() => new(ErrorCode.ProtectedMode,
        "this server is in protected mode and serves only its own machine; if everybody who can reach this port may use it, set KestrelKv:Wire:ProtectedMode to false");

    private ProtocolError TooManyError() => new(ErrorCode.TooManyConnections,
        $"{options.ConnectionsMax} connections are open, which is the most that this server serves (Wire:ConnectionsMax)");
}
