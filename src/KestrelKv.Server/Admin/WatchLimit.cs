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
                ? Problems.TooManyWatches(options.WatchesMax)
                : await next(context);
        }
        finally
        {
            Interlocked.Decrement(ref _count);
        }
    }
}
