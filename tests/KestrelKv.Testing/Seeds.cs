using System.Globalization;

namespace KestrelKv.Testing;

/// <summary>Runs random tests, which a seed makes repeatable. A failure reports its seed.</summary>
public static class Seeds
{
    /// <summary>The environment variable with the seed of the failure to repeat.</summary>
    public const string Variable = "KESTRELKV_TEST_SEED";

    /// <summary>The seed of all random tests of this process.</summary>
    public static int Seed { get; } = Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } given
        ? int.Parse(given, CultureInfo.InvariantCulture)
        : Random.Shared.Next();

    public static void Run(Action<Random> test) => RunAsync(random =>
    {
        test(random);
        return Task.CompletedTask;
    }).GetAwaiter().GetResult();

    public static async Task RunAsync(Func<Random, Task> test)
    {
        try
        {
            await test(new Random(Seed));
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"Failed with seed {Seed}; {Variable}={Seed} repeats it. {e.Message}", e);
        }
    }
}
