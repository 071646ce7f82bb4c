namespace KestrelKv.Storage.Feed;

/// <summary>The threads of a feed.</summary>
/// <param name="Start">Starts the loop that dispatches commits. Returns an action that waits until the loop ends.</param>
/// <param name="Readers">Runs reads of the history on disk.</param>
internal sealed record FeedThreads(Func<Action, Action> Start, TaskScheduler Readers)
{
    /// <summary>A dedicated thread for the loop, and the thread pool for reads.</summary>
    public static FeedThreads Default { get; } = new(StartThread, TaskScheduler.Default);

    private static Action StartThread(Action loop)
    {
        var thread = new Thread(() => loop()) { Name = "kestrelkv feed", IsBackground = true };
        thread.Start();
        return thread.Join;
    }
}
