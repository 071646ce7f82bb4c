using System.Globalization;

namespace KestrelKv.Benchmarks.Servers;

/// <summary>
/// The number of calls of each system call of a process, counted by <c>strace</c>, which slows the process down many times.
/// </summary>
/// <param name="Counts">The counts by name, the most frequent first.</param>
internal sealed record SystemCalls(IReadOnlyList<(string Name, long Count)> Counts)
{
    private const string Strace = "strace";
    private const string TotalRow = "total";
    private const int CountField = 3; // % time, seconds, usecs/call, calls, errors (if there are any), syscall.

    /// <summary>128 + SIGTERM: strace detaches, prints its counts, and ends by the signal.</summary>
    private const int Terminated = 143;

    private static readonly TimeSpan AttachTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(10);

    public static bool IsInstalled => ProgramFile.Find(Strace) is not null;

    public long Total => Counts.Sum(call => call.Count);

    /// <summary>Counts the system calls of all threads of a process during an action.</summary>
    /// <exception cref="InvalidOperationException">strace cannot attach to the process.</exception>
    public static async Task<(SystemCalls Calls, T Result)> CountAsync<T>(
        ServerProgram traced, string? cores, string directory, Func<Task<T>> run)
    {
        string file = Path.Combine(directory, "strace.txt");
        string[] args = ["-c", "-f", "-o", file, "-p", traced.Id.ToString(CultureInfo.InvariantCulture)];
        await using ServerProgram strace = ServerProgram.Start(cores, Strace, args);
        await WaitUntilAttachedAsync(strace);
        T result = await run();
        await strace.StopAsync(Terminated);
        return (Parse(await File.ReadAllLinesAsync(file)), result);
    }

    private static async Task WaitUntilAttachedAsync(ServerProgram strace)
    {
        using var timeout = new CancellationTokenSource(AttachTimeout);
        while (!strace.Output.Contains("attached", StringComparison.Ordinal))
        {
            if (strace.HasExited || timeout.IsCancellationRequested)
                throw new InvalidOperationException($"strace did not attach to the server. Its output:\n{strace.Output}");
            await Task.Delay(PollInterval);
        }
    }

    private static SystemCalls Parse(string[] lines)
    {
        IEnumerable<(string Name, long Count)> rows =
            from line in lines
            let fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries)
            where fields.Length > CountField + 1 && fields[^1] != TotalRow && char.IsAsciiDigit(fields[0][0])
            let count = long.Parse(fields[CountField], CultureInfo.InvariantCulture)
            orderby count descending
            select (fields[^1], count);
        return new SystemCalls([.. rows]);
    }
}
