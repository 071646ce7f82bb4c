namespace KestrelKv.Wire.Tests;

/// <summary>
/// Runs code without the test framework's synchronization context, which would move the server's continuations to other threads.
/// </summary>
internal static class Inline
{
    public static void Run(Action action) => Run(() =>
    {
        action();
        return true;
    });

    public static T Run<T>(Func<T> action)
    {
        SynchronizationContext? before = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            return action();
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(before);
        }
    }
}
