using System.Text;
using System.Text.RegularExpressions;
using KestrelKv.Cli.Hosting;
using KestrelKv.Testing;

namespace KestrelKv.Cli.Tests.Hosting;

/// <summary>Runs commands in this process, with streams in memory.</summary>
public sealed partial class InProcess(string url, string? configuration = null)
{
    public InProcess(ServerProcess server) : this($"kestrelkv://127.0.0.1:{server.WirePort}")
    {
    }

    /// <summary>Whether the standard output is a terminal of 100 columns, without colors.</summary>
    public bool IsTerminal { get; init; }

    /// <summary>Runs a command. In the output, versions and times are replaced by letters.</summary>
    public Task<KkvResult> RunAsync(params string[] args) => RunWithInputAsync("", args);

    /// <inheritdoc cref="RunAsync"/>
    public async Task<KkvResult> RunWithInputAsync(string input, params string[] args)
    {
        using var output = new MemoryStream();
        await using var error = new StringWriter { NewLine = "\n" };
        var terminal = new Terminal
        {
            Input = new MemoryStream(Encoding.UTF8.GetBytes(input)),
            Output = output,
            Error = error,
            IsInputTerminal = false,
            IsOutputTerminal = IsTerminal,
            IsErrorTerminal = IsTerminal,
            Columns = () => IsTerminal ? 100 : int.MaxValue,
            Environment = name =>
                name switch { "KKV_URL" => url.Length == 0 ? null : url, "KKV_CONFIG" => configuration ?? "/nonexistent/contexts.json", _ => null },
        };
        int exitCode = await new CommandHost(terminal).RunAsync(args);
        return new(exitCode, Golden(Encoding.UTF8.GetString(output.ToArray())), Golden(error.ToString()));
    }

    private static string Golden(string text) => Expiry().Replace(Version().Replace(text, "$1V"), "$1T");

    [GeneratedRegex("(\"version\": ?|, version |version is |has version )[1-9][0-9]*")]
    private static partial Regex Version();

    [GeneratedRegex("(\"expires_at\": ?)[0-9.]+")]
    private static partial Regex Expiry();
}
