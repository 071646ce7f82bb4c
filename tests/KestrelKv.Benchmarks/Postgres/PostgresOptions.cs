namespace KestrelKv.Benchmarks.Postgres;

/// <summary>The options of <c>postgres</c>, which compares the store on PostgreSQL with the database itself.</summary>
internal sealed record PostgresOptions
{
    public const string Usage = "usage: postgres --connection STRING [--keys N] [--value-bytes N] [--seconds N] [--repetitions N] [--pgbench PATH]";

    /// <summary>The database, whose schemas <c>kestrelkv_bench</c> and <c>plain_bench</c> are replaced.</summary>
    public string Connection { get; init; } = "";

    public int Keys { get; init; } = 100_000;

    public int ValueBytes { get; init; } = 100;

    /// <summary>The duration of one measurement, in seconds.</summary>
    public double Seconds { get; init; } = 3;

    /// <summary>The number of measurements of each part, taken in turns. Medians are printed.</summary>
    public int Repetitions { get; init; } = 5;

    public string Pgbench { get; init; } = "pgbench";

    public static PostgresOptions Parse(ReadOnlySpan<string> args)
    {
        var options = new PostgresOptions();
        foreach ((string name, Argument value) in Argument.Pairs(args, Usage))
        {
            options = name switch
            {
                "--connection" => options with { Connection = value.Text },
                "--keys" => options with { Keys = value.Number },
                "--value-bytes" => options with { ValueBytes = value.Number },
                "--seconds" => options with { Seconds = value.Seconds },
                "--repetitions" => options with { Repetitions = value.Number },
                "--pgbench" => options with { Pgbench = value.Text },
                _ => throw value.Unknown(name),
            };
        }
        return options.Connection.Length > 0 ? options : throw new FormatException($"option --connection is required\n{Usage}");
    }
}
