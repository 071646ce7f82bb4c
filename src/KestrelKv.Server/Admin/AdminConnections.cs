using Microsoft.AspNetCore.Connections;

namespace KestrelKv.Server.Admin;

/// <summary>
/// Bounds the connections of the admin HTTP, all addresses together: without a bound they could take every file that the
/// process may open. A connection beyond the bound is closed at once.
/// </summary>
internal sealed class AdminConnections(AdminOptions options)
{
    /// <summary>Connections beside those of event streams.</summary>
    public const int OtherMax = 156;

    private int _open;

    /// <summary>Whether connections are open.</summary>
    public bool IsInUse => Volatile.Read(ref _open) > 0;

    /// <summary>Called when a connection opens. Must not block or throw.</summary>
    public event Action? Used;

    /// <summary>Returns how many connections may be open.</summary>
    public static int Max(AdminOptions options) => options.WatchesMax + OtherMax;

    public ConnectionDelegate Limit(ConnectionDelegate next) => async connection =>
    {
        try
        {
            bool isLetIn = Interlocked.Increment(ref _open) <= Max(options);
            Used?.Invoke();
            if (isLetIn) await next(connection);
        }
        finally
        {
            Interlocked.Decrement(ref _open);
        }
    };
}
