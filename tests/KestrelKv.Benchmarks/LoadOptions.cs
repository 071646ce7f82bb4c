using System.Globalization;

namespace KestrelKv.Benchmarks;

/// <summary>What load to make, as the command line says.</summary>
/// <param name="Port">The server's wire port on this machine.</param>
/// <param name="Connections">How many connections.</param>
/// <param name="InFlight">How many requests each has under way at a time.</param>
/// <param name="Seconds">How long one measurement takes, after a second of warm-up.</param>
/// <param name="Repetitions">How many measurements; the median is printed.</param>
/// <param name="Keys">Over how many keys the requests go, uniformly.</param>
/// <param name="ValueBytes">The length of a value's text.</param>
/// <param name="PutPercent">How many requests of a hundred are PUTs.</param>
internal sealed record LoadOptions(
    int Port = 4_444, int Connections = 50, int InFlight = 1, double Seconds = 3, int Repetitions = 3,
    int Keys = 100_000, int ValueBytes = 100, int PutPercent = 10)
{
    public const string Usage =
        "usage: load [--port N] [--connections N] [--in-flight N] [--seconds N] [--repetitions N] [--keys N] [--value-bytes N] [--put-percent N]";

    public static LoadOptions Parse(ReadOnlySpan<string> args)
    {
        var options = new LoadOptions();
        for (; args.Length >= 2; args = args[2..])
        {
            int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
            options = args[0] switch
            {
                "--port" => options with { Port = Number(args[1]) },
                "--connections" => options with { Connections = Number(args[1]) },
                "--in-flight" => options with { InFlight = Number(args[1]) },
                "--seconds" => options with { Seconds = Number(args[1]) },
                "--repetitions" => options with { Repetitions = Number(args[1]) },
                "--keys" => options with { Keys = Number(args[1]) },
                "--value-bytes" => options with { ValueBytes = Number(args[1]) },
                "--put-percent" => options with { PutPercent = Number(args[1]) },
                _ => throw new FormatException($"unknown option {args[0]}\n{Usage}"),
            };
        }
        return args.IsEmpty ? options : throw new FormatException($"{args[0]} lacks its value\n{Usage}");
    }
}
