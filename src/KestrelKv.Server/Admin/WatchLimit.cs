using KestrelKv.Protocol;

namespace KestrelKv.Server.Admin;

/// <summary>Lets so many streams of events be open at a time, and turns others away.</summary>
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
                    $"{options.WatchesMax} streams of events are open, which is the most that there may be (Admin:WatchesMax)")
                : await next(context);
        }
        finally
        {
            Interlocked.Decrement(ref _count);
        }
    }
}
