using System.Globalization;

namespace KestrelKv.Testing;

/// <summary>Random tests that can be repeated: a failure tells its seed.</summary>
public static class Seeds
{
    /// <summary>The environment variable that gives the seed to repeat a failure with.</summary>
    public const string Variable = "KESTRELKV_TEST_SEED";

    /// <summary>The seed of all random tests of this process.</summary>
    public static int Seed { get; } = Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } given
        ? int.Parse(given, CultureInfo.InvariantCulture)
        : Random.Shared.Next();

    /// <summary>Runs a test on the seed.</summary>
    public static void Run(Action<Random> test) => RunAsync(random =>
    {
        test(random);
        return Task.CompletedTask;
    }).GetAwaiter().GetResult();

    /// <summary>Runs a test on the seed.</summary>
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
