using System.Globalization;

namespace KestrelKv.Benchmarks.Servers;

/// <summary>How often a process made each of its system calls, counted by <c>strace</c>, which slows it down many times over.</summary>
/// <param name="Counts">By name, the most frequent first.</param>
internal sealed record SystemCalls(IReadOnlyList<(string Name, long Count)> Counts)
{
    private const string Strace = "strace";
    private const string TotalRow = "total";
    private const int CountField = 3; // % time, seconds, usecs/call, calls, errors (if there are any), syscall.

    /// <summary>128 + SIGTERM: strace detaches, prints, and ends by the signal.</summary>
    private const int Terminated = 143;

    private static readonly TimeSpan AttachTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(10);

    public static bool IsInstalled => ProgramFile.Find(Strace) is not null;

    public long Total => Counts.Sum(call => call.Count);

    /// <summary>Counts what a process does, in all of its threads, while something runs.</summary>
    /// <exception cref="InvalidOperationException">strace cannot be attached to it.</exception>
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
                throw new InvalidOperationException($"strace is not attached to the server. It printed:\n{strace.Output}");
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
