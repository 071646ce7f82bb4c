using System.Diagnostics;

namespace KestrelKv.Benchmarks.Transfers;

/// <summary>A run of a program that transfers data.</summary>
/// <param name="Seconds">The time from its start to its end.</param>
/// <param name="PeakBytes">The largest resident memory of the program (VmHWM). For several programs in a shell, that of the shell.</param>
internal sealed record TransferProgram(double Seconds, long PeakBytes)
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(20);

    /// <summary>Runs a program until it exits. Its output is discarded.</summary>
    /// <exception cref="InvalidOperationException">The program failed.</exception>
    public static async Task<TransferProgram> RunAsync(string program, params string[] args)
    {
        long start = Stopwatch.GetTimestamp();
        using Process process = Process.Start(new ProcessStartInfo(program, args) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        Task output = process.StandardOutput.BaseStream.CopyToAsync(Stream.Null);
        long peak = 0;
        while (!process.HasExited)
        {
            process.Refresh();
            peak = Math.Max(peak, PeakOf(process));
            await Task.WhenAny(process.WaitForExitAsync(), Task.Delay(PollInterval));
        }
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        await output;
        if (process.ExitCode != 0) throw new InvalidOperationException($"{program} {string.Join(' ', args)} exited with code {process.ExitCode}: " +
            $"{await error}");
        return new(seconds, peak);
    }

    private static long PeakOf(Process process)
    {
        try
        {
            return process.PeakWorkingSet64;
        }
        catch (InvalidOperationException)
        {
            return 0; // The process has exited in the meantime.
        }
    }
}
