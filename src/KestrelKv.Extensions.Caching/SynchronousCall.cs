namespace KestrelKv.Extensions.Caching;

/// <summary>Runs an asynchronous call for a synchronous interface.</summary>
internal static class SynchronousCall
{
    /// <summary>Runs a call and blocks the thread until it ends.</summary>
    /// <remarks>
    /// The call cannot deadlock, because its continuations never need the thread that waits: they run on the thread pool. Each call needs a
    /// thread of the pool for a moment when the reply arrives. The pool adds threads while others are blocked here, but slowly.
    /// </remarks>
    public static T Run<TState, T>(TState state, Func<TState, ValueTask<T>> call)
    {
        // A limited scheduler would also be captured by the call.
        if (TaskScheduler.Current != TaskScheduler.Default)
            return Task.Factory.StartNew(() => call(state).AsTask(), CancellationToken.None, TaskCreationOptions.DenyChildAttach, TaskScheduler.Default).Unwrap().GetAwaiter().GetResult();
        SynchronizationContext? context = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            return call(state).AsTask().GetAwaiter().GetResult();
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(context);
        }
    }
}
