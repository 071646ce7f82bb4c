using System.Runtime.InteropServices;

namespace KestrelKv.Benchmarks.Interference;

/// <summary>
/// A thread that runs only while its core is idle (sched(7): SCHED_IDLE). It shares the core of the load, which must measure the
/// interference in the server and not wait for this thread.
/// </summary>
internal static unsafe partial class BackgroundThread
{
    private const int IdlePolicy = 5; // SCHED_IDLE

    /// <returns>A task that completes when the thread ends.</returns>
    public static Task Run(Action action)
    {
        void Run()
        {
            int priority = 0;
            _ = SetScheduler(0, IdlePolicy, &priority); // Without this policy the action still runs.
            action();
        }
        return Task.Factory.StartNew(Run, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    [LibraryImport("libc", EntryPoint = "sched_setscheduler")]
    private static partial int SetScheduler(int thread, int policy, int* priority);
}
