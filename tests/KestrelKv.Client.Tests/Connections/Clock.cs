using System.Diagnostics;
using KestrelKv.Testing;

namespace KestrelKv.Client.Tests.Connections;

/// <summary>Advances the clock of a test.</summary>
internal static class Clock
{
    /// <summary>Advances the clock in steps until a task has ended, however it ends.</summary>
    public static async Task AdvanceUntilAsync(TestTime time, Task task, TimeSpan step)
    {
        var clock = Stopwatch.StartNew();
        while (!task.IsCompleted)
        {
            Assert.True(clock.Elapsed < Wait.Patience, "The task does not end however far the clock advances.");
            time.Advance(step);
            await Task.WhenAny(task, Task.Delay(1));
        }
    }
}
