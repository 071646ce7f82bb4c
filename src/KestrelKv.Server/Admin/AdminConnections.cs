using Microsoft.AspNetCore.Connections;

namespace KestrelKv.Server.Admin;

/// <summary>
/// Limits the number of open connections to the admin HTTP, over all addresses, so that they cannot exhaust the process's file
/// descriptors. A connection beyond the limit is closed immediately.
/// </summary>
internal sealed class AdminConnections(AdminOptions options)
{
    /// <summary>The maximum number of connections in addition to those for event streams.</summary>
    public const int OtherMax = 156;

    private int _open;

    /// <summary>Whether any connection is open.</summary>
    public bool IsInUse => Volatile.Read(ref _open) > 0;

    /// <summary>Occurs when a connection opens. Handlers must not block or throw.</summary>
    public event Action? Used;

    /// <summary>Returns the maximum number of open connections.</summary>
    public static int Max(AdminOptions options) => options.WatchesMax + OtherMax;

    public ConnectionDelegate Limit(ConnectionDelegate next) => async connection =>
    {
        try
        {
            bool isAccepted = Interlocked.Increment(ref _open) <= Max(options);
            Used?.Invoke();
            if (isAccepted) await next(connection);
        }
        finally
        {
            Interlocked.Decrement(ref _open);
        }
    };
}
