namespace KestrelKv.Storage.Feed;

/// <summary>The threads of a feed.</summary>
/// <param name="Start">Starts the loop that dispatches commits; returns an action that waits for its end.</param>
/// <param name="Readers">Runs reads of the history on disk.</param>
internal sealed record FeedThreads(Func<Action, Action> Start, TaskScheduler Readers)
{
    /// <summary>A thread of its own for the loop, the thread pool for reads.</summary>
    public static FeedThreads Default { get; } = new(StartThread, TaskScheduler.Default);

    private static Action StartThread(Action loop)
    {
        var thread = new Thread(() => loop()) { Name = "kestrelkv feed", IsBackground = true };
        thread.Start();
        return thread.Join;
    }
}
