using KestrelKv.Protocol;

namespace KestrelKv.Server.Admin;

/// <summary>Limits the number of open event streams. Refuses further requests.</summary>
internal sealed class WatchLimit(AdminOptions options) : IEndpointFilter
{
    private int _count;

    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        try
        {
            return Interlocked.Increment(ref _count) > options.WatchesMax
                ? Problems.Of(
                    ErrorCode.TooManyWatches,
                    $"{options.WatchesMax} event streams are open, which is the maximum (Admin:WatchesMax)")
                : await next(context);
        }
        finally
        {
            Interlocked.Decrement(ref _count);
        }
    }
}
