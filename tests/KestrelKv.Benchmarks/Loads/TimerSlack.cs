using System.Runtime.InteropServices;

namespace KestrelKv.Benchmarks.Loads;

/// <summary>The time by which the kernel may delay the end of a thread's waits, to combine it with others.</summary>
internal static partial class TimerSlack
{
    private const int TimerSlackOption = 29; // PR_SET_TIMERSLACK

    /// <summary>Sets the slack of this thread to 1 ns. The default adds 50 us to each wait.</summary>
    public static void Minimize() => _ = SetProcessOption(TimerSlackOption, 1);

    [LibraryImport("libc", EntryPoint = "prctl")]
    private static partial int SetProcessOption(int option, ulong value);
}
