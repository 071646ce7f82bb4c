using KestrelKv.Storage.Feed;

namespace KestrelKv.Storage.Tests.Feed;

/// <summary>A feed whose loop is the test's, and whose reads run at once on the thread that asks for them.</summary>
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
