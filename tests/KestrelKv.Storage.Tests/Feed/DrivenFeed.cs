using KestrelKv.Storage.Feed;

namespace KestrelKv.Storage.Tests.Feed;

/// <summary>The threads of a feed whose loop the test runs, and whose reads run inline.</summary>
internal static class DrivenFeed
{
    public static FeedThreads Threads { get; } = new(_ => () => { }, new Inline());

    private sealed class Inline : TaskScheduler
    {
        protected override void QueueTask(Task task) => TryExecuteTask(task);

        protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) => TryExecuteTask(task);

        protected override IEnumerable<Task> GetScheduledTasks() => [];
    }
}
