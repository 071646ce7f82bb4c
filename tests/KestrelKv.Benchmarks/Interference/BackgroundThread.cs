using System.Runtime.InteropServices;

namespace KestrelKv.Benchmarks.Interference;

/// <summary>
/// A thread that runs only while nobody else wants its core (sched(7): SCHED_IDLE). What it does is to be felt in the server;
/// the load, whose core it shares, is to measure that and not to wait for the thread itself.
/// </summary>
internal static unsafe partial class BackgroundThread
{
    private const int IdlePolicy = 5; // SCHED_IDLE

    /// <summary>Starts one.</summary>
    /// <returns>Ends as the thread does.</returns>
    public static Task Run(Action action)
    {
        void Run()
        {
            int priority = 0;
            _ = SetScheduler(0, IdlePolicy, &priority); // Where it can't, it does its work all the same.
            action();
        }
        return Task.Factory.StartNew(Run, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    [LibraryImport("libc", EntryPoint = "sched_setscheduler")]
    private static partial int SetScheduler(int thread, int policy, int* priority);
}
