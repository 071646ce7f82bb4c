using System.Diagnostics;

namespace KestrelKv.Testing;

/// <summary>Waits for conditions, independently of the speed of the machine.</summary>
public static class Wait
{
    /// <summary>The timeout of all waits. No correct operation takes as long.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);

    /// <summary>Waits until a condition holds. Fails the test at the timeout, with the message of <paramref name="because"/>.</summary>
    public static Task UntilAsync(Func<bool> condition, Func<string> because) =>
        UntilAsync(() => Task.FromResult(condition()), because);

    /// <summary>Waits until a condition holds. Fails the test at the timeout, with the message of <paramref name="because"/>.</summary>
    public static async Task UntilAsync(Func<Task<bool>> condition, Func<string> because)
    {
        var clock = Stopwatch.StartNew();
        while (!await condition())
        {
            if (clock.Elapsed > Patience) Assert.Fail(because());
            await Task.Delay(Pause);
        }
    }
}
