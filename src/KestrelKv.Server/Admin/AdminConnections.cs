using Microsoft.AspNetCore.Connections;

namespace KestrelKv.Server.Admin;

/// <summary>
/// Limits the number of open connections to the admin HTTP, over all addresses, so that they cannot exhaust the process's file
/// descriptors. Thread-safe.
/// </summary>
/// <remarks>
/// A connection beyond the limit replaces the one that has been without a request for longest, so that silent clients do not keep others
/// out. It is closed itself if all connections have requests.
/// </remarks>
internal sealed class AdminConnections(AdminOptions options)
{
    /// <summary>The maximum number of connections in addition to those for event streams.</summary>
    public const int OtherMax = 156;

    private readonly Lock _lock = new();

    /// <summary>The connections without a request, with the longest first.</summary>
    private readonly LinkedList<ConnectionContext> _idle = [];

    private int _open;

    /// <summary>Whether any connection is open.</summary>
    public bool IsInUse => Volatile.Read(ref _open) > 0;

    /// <summary>Occurs when a connection opens. Handlers must not block or throw.</summary>
    public event Action? Used;

    /// <summary>Returns the maximum number of open connections.</summary>
    public static int Max(AdminOptions options) => options.WatchesMax + OtherMax;

    /// <summary>Middleware of connections.</summary>
    public ConnectionDelegate Limit(ConnectionDelegate next) => async connection =>
    {
        var place = new LinkedListNode<ConnectionContext>(connection);
        ConnectionContext? replaced = null;
        bool isAccepted;
        lock (_lock)
        {
            isAccepted = ++_open <= Max(options) || (replaced = _idle.First?.Value) is not null;
            if (replaced is not null) _idle.RemoveFirst();
            if (isAccepted) _idle.AddLast(place);
        }
        replaced?.Abort(new ConnectionAbortedException("The connection had no request, and its place was needed."));
        Used?.Invoke();
        try
        {
            connection.Features.Set(place);
            if (isAccepted) await next(connection);
        }
        finally
        {
            lock (_lock)
            {
                _open--;
                if (place.List is not null) _idle.Remove(place);
            }
        }
    };

    /// <summary>Middleware of requests.</summary>
    public async Task TrackAsync(HttpContext context, RequestDelegate next)
    {
        LinkedListNode<ConnectionContext>? place = context.Features.Get<LinkedListNode<ConnectionContext>>();
        lock (_lock)
            if (place?.List is not null) _idle.Remove(place);
        try
        {
            await next(context);
        }
        finally
        {
            lock (_lock)
                if (place is not null) _idle.AddLast(place);
        }
    }
}
