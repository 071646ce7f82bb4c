using System.Globalization;
using KestrelKv.Client.Tests.Chaos;
using KestrelKv.Client.Tests.Connections;
using KestrelKv.Testing;

namespace KestrelKv.Client.Tests;

/// <summary>The programs that tests start from this assembly, because they need a process of their own.</summary>
internal static class TestPrograms
{
    private static readonly Dictionary<string, Func<int[], Task>> ByName = new()
    {
        [nameof(FewThreads)] = FewThreads.RunAsync,
        [nameof(Allocations)] = Allocations.RunAsync,
    };

    /// <summary>Runs a program in a process of its own.</summary>
    /// <returns>What it printed.</returns>
    public static Task<string> RunAsync(string program, params int[] numbers) => Programs.RunAsync(
        // The thread pool refuses fewer threads than processors. Code that is not optimized yet allocates.
        "env",
        [
            "DOTNET_PROCESSOR_COUNT=2", "DOTNET_TieredCompilation=0", "dotnet", typeof(TestPrograms).Assembly.Location, program,
            .. numbers.Select(number => number.ToString(CultureInfo.InvariantCulture)),
        ]);

    /// <summary>Runs the program that the first argument names, with the other arguments, which are numbers.</summary>
    public static async Task<int> Main(string[] args)
    {
        if (args.Length == 0 || !ByName.TryGetValue(args[0], out Func<int[], Task>? program))
        {
            Console.Error.WriteLine("This assembly has tests: run dotnet test.");
            return 2;
        }
        await program([.. args.Skip(1).Select(text => int.Parse(text, CultureInfo.InvariantCulture))]);
        return 0;
    }
}
