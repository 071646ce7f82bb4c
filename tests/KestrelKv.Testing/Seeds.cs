using System.Globalization;

namespace KestrelKv.Testing;

/// <summary>Random tests that can be repeated: a failure tells its seed.</summary>
public static class Seeds
{
    /// <summary>The environment variable that gives the seed to repeat a failure with.</summary>
    public const string Variable = "KESTRELKV_TEST_SEED";

    /// <summary>Runs a test on a random seed.</summary>
    public static void Run(Action<Random> test) => RunAsync(random =>
    {
        test(random);
        return Task.CompletedTask;
    }).GetAwaiter().GetResult();

    /// <summary>Runs a test on a random seed.</summary>
    public static async Task RunAsync(Func<Random, Task> test)
    {
        int seed = Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } given
            ? int.Parse(given, CultureInfo.InvariantCulture)
            : Random.Shared.Next();
        try
        {
            await test(new Random(seed));
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"Failed with seed {seed}; {Variable}={seed} repeats it. {e.Message}", e);
        }
    }
}
