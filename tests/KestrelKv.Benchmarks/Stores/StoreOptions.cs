using System.Globalization;

namespace KestrelKv.Benchmarks.Stores;

/// <summary>The options of <c>store</c>. Lists are measured in all combinations.</summary>
internal sealed record StoreOptions
{
    public const string Usage =
        "usage: store [--keys N,...] [--value-bytes N,...] [--batch N,...] [--threads N,...] [--seconds N] [--repetitions N]";

    public int[] Keys { get; init; } = [1_000_000];

    public int[] ValueBytes { get; init; } = [100];

    public int[] Batches { get; init; } = [100];

    public int[] Threads { get; init; } = [1];

    /// <summary>The duration of one measurement of a store, in seconds.</summary>
    public double Seconds { get; init; } = 1;

    /// <summary>The number of measurements of each store, taken in turns. Medians are printed.</summary>
    public int Repetitions { get; init; } = 5;

    public static StoreOptions Parse(ReadOnlySpan<string> args)
    {
        var options = new StoreOptions();
        for (; args.Length >= 2; args = args[2..])
        {
            string value = args[1];
            options = args[0] switch
            {
                "--keys" => options with { Keys = Numbers(value) },
                "--value-bytes" => options with { ValueBytes = Numbers(value) },
                "--batch" => options with { Batches = Numbers(value) },
                "--threads" => options with { Threads = Numbers(value) },
                "--seconds" => options with { Seconds = double.Parse(value, CultureInfo.InvariantCulture) },
                "--repetitions" => options with { Repetitions = Number(value) },
                _ => throw new FormatException($"unknown option {args[0]}\n{Usage}"),
            };
        }
        return args.IsEmpty ? options : throw new FormatException($"option {args[0]} requires a value\n{Usage}");
    }

    private static int[] Numbers(string list) => [.. list.Split(',').Select(Number)];

    private static int Number(string text) =>
        int.Parse(text, CultureInfo.InvariantCulture) is > 0 and int number
            ? number
            : throw new FormatException($"invalid value {text}, expected a whole number of at least 1\n{Usage}");
}
