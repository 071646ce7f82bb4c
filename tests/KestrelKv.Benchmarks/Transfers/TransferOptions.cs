namespace KestrelKv.Benchmarks.Transfers;

/// <summary>The options of <c>transfer</c>, which measures the export and the import of the command line.</summary>
internal sealed record TransferOptions
{
    public const string Usage = "usage: transfer [--keys N] [--value-bytes N] [--repetitions N] [--directory PATH]";

    public int Keys { get; init; } = 1_000_000;

    /// <summary>The length of a value in bytes. In KestrelKv, two of them are the quotes of the JSON string.</summary>
    public int ValueBytes { get; init; } = 100;

    /// <summary>The number of measurements, taken in turns. Medians are printed.</summary>
    public int Repetitions { get; init; } = 3;

    /// <summary>The parent of the directory with the files, which is deleted at the end.</summary>
    public string Directory { get; init; } = Environment.CurrentDirectory;

    public static TransferOptions Parse(ReadOnlySpan<string> args)
    {
        var options = new TransferOptions();
        foreach ((string name, Argument value) in Argument.Pairs(args, Usage))
        {
            options = name switch
            {
                "--keys" => options with { Keys = value.Number },
                "--value-bytes" => options with { ValueBytes = value.Number },
                "--repetitions" => options with { Repetitions = value.Number },
                "--directory" => options with { Directory = Path.GetFullPath(value.Text) },
                _ => throw value.Unknown(name),
            };
        }
        return options;
    }
}
