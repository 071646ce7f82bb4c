using System.Buffers.Binary;
using System.Globalization;

namespace KestrelKv.Benchmarks.Stores;

/// <summary>What to measure, as the command line says.</summary>
internal sealed record StoreOptions(int Keys = 1_000_000, int ValueBytes = 100, int Batch = 100, int Threads = 1, double Seconds = 1, int Repetitions = 5)
{
    public const string Usage = "usage: store [--keys N] [--value-bytes N] [--batch N] [--threads N] [--seconds N] [--repetitions N]";

    public const int KeyBytes = 16;

    public static StoreOptions Parse(ReadOnlySpan<string> args)
    {
        var options = new StoreOptions();
        for (; args.Length >= 2; args = args[2..])
        {
            double number = double.Parse(args[1], CultureInfo.InvariantCulture);
            options = args[0] switch
            {
                "--keys" => options with { Keys = (int)number },
                "--value-bytes" => options with { ValueBytes = (int)number },
                "--batch" => options with { Batch = (int)number },
                "--threads" => options with { Threads = (int)number },
                "--seconds" => options with { Seconds = number },
                "--repetitions" => options with { Repetitions = (int)number },
                _ => throw new FormatException($"unknown option {args[0]}\n{Usage}"),
            };
        }
        return args.IsEmpty ? options : throw new FormatException($"{args[0]} lacks its value\n{Usage}");
    }

    /// <summary>The key of a number: 16 bytes that look random, so that their order is not that of the numbers.</summary>
    public static void WriteKey(int number, Span<byte> key)
    {
        ulong mixed = ((ulong)number + 1) * 0x9E3779B97F4A7C15;
        BinaryPrimitives.WriteUInt64BigEndian(key, mixed ^ (mixed >> 29));
        BinaryPrimitives.WriteUInt64BigEndian(key[sizeof(ulong)..], mixed);
    }
}
