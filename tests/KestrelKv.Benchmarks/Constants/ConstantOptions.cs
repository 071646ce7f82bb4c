namespace KestrelKv.Benchmarks.Constants;

/// <summary>The options of <c>constant</c>.</summary>
internal sealed record ConstantOptions
{
    public const string Usage = "usage: constant [--port N] [--value-bytes N] [--bare true|false]";

    public int Port { get; init; } = 4_444;

    /// <summary>The length of the value of all keys.</summary>
    public int ValueBytes { get; init; } = 100;

    /// <summary>Whether to answer from one thread with epoll instead of Kestrel's sockets.</summary>
    public bool IsBare { get; init; }

    public static ConstantOptions Parse(ReadOnlySpan<string> args)
    {
        var options = new ConstantOptions();
        foreach ((string name, Argument value) in Argument.Pairs(args, Usage))
        {
            options = name switch
            {
                "--port" => options with { Port = value.Number },
                "--value-bytes" => options with { ValueBytes = value.Number },
                "--bare" => options with { IsBare = value.Flag },
                _ => throw value.Unknown(name),
            };
        }
        return options;
    }
}
