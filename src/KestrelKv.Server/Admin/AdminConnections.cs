using KestrelKv.Wire;
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

    /// <summary>The connections without a request.</summary>
    private readonly OldestFirst<ConnectionContext> _idle = new(int.MaxValue);

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
        try
        {
            if (Interlocked.Increment(ref _open) > Max(options))
            {
                if (_idle.Displace() is not { } displaced) return;
                displaced.Abort(new ConnectionAbortedException("The connection had no request, and its place was needed."));
            }
            Used?.Invoke();
            _idle.Add(place);
            connection.Features.Set(place);
            await next(connection);
        }
        finally
        {
            _idle.Remove(place);
            Interlocked.Decrement(ref _open);
        }
    };

    /// <summary>Middleware of requests.</summary>
    public async Task TrackAsync(HttpContext context, RequestDelegate next)
    {
        if (context.Features.Get<LinkedListNode<ConnectionContext>>() is not { } place)
        {
            await next(context);
            return;
        }
        _idle.Remove(place);
        try
        {
            await next(context);
        }
        finally
        {
            _idle.Add(place);
        }
    }
}
