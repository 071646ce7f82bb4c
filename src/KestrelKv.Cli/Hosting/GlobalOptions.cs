using System.CommandLine;
using KestrelKv.Cli.Output;

namespace KestrelKv.Cli.Hosting;

/// <summary>The options that every command has.</summary>
internal sealed class GlobalOptions
{
    public Option<string?> Url { get; } = new("--url", "-u")
    {
        Description = "The server, such as kestrelkv://localhost or kestrelkvs://user:secret@host. " +
            "Default: KKV_URL, then the current context, then kestrelkv://localhost.",
        HelpName = "url",
        Recursive = true,
    };

    public Option<string?> Http { get; } = new("--http")
    {
        Description = "The server's HTTP address, for top and backup. Default: KKV_HTTP unless --url or --context is given, then the context's, " +
            "then port 8080 of the server.",
        HelpName = "url",
        Recursive = true,
    };

    public Option<string?> Context { get; } = new("--context", "-c")
    {
        Description = "The saved server to use: see kkv context.",
        HelpName = "name",
        Recursive = true,
    };

    public Option<double?> Timeout { get; } = new("--timeout")
    {
        Description = "The deadline of each call, in seconds. Default: 10.",
        HelpName = "seconds",
        Recursive = true,
    };

    public Option<OutputFormat?> Output { get; } = new("--output", "-o")
    {
        Description = "The form of the output. Default: table on a terminal, otherwise ndjson. For get: the value.",
        HelpName = "table|json|ndjson|raw",
        Recursive = true,
    };

    public Option<bool> Raw { get; } = new("--raw")
    {
        Description = "The same as --output raw: the exact bytes of values, without a line feed at the end.",
        Recursive = true,
    };

    public Option<bool> ReadOnly { get; } = new("--read-only")
    {
        Description = "Refuse commands that write to the server. Also set by KKV_READ_ONLY=1 or the context.",
        Recursive = true,
    };

    public Option<bool> NoColor { get; } = new("--no-color")
    {
        Description = "No colors. Also set by the variable NO_COLOR.",
        Recursive = true,
    };

    public void AddTo(Command root)
    {
        foreach (Option option in new Option[] { Url, Http, Context, Timeout, Output, Raw, ReadOnly, NoColor }) root.Add(option);
    }
}
