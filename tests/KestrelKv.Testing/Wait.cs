using System.Diagnostics;

namespace KestrelKv.Testing;

/// <summary>Waiting for what happens a moment later, however busy the machine.</summary>
public static class Wait
{
    /// <summary>Nothing takes as long: whoever has waited for it has found a fault.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);

    /// <summary>Waits until the condition holds; fails the test where it never does.</summary>
    /// <param name="condition">Asked again and again.</param>
    /// <param name="because">What is wrong where it never holds.</param>
    public static Task UntilAsync(Func<bool> condition, Func<string> because) =>
        UntilAsync(() => Task.FromResult(condition()), because);

    /// <summary>Waits until the condition holds; fails the test where it never does.</summary>
    /// <param name="condition">Asked again and again.</param>
    /// <param name="because">What is wrong where it never holds.</param>
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
