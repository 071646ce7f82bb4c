using System.Text;
using KestrelKv.Cli.Output;
using Spectre.Console;

namespace KestrelKv.Cli.Hosting;

/// <summary>The standard streams of the process, its environment, and whether the streams are terminals.</summary>
/// <remarks>
/// Data goes to standard output, everything else (errors, progress, questions) to standard error. Spectre.Console draws on standard error
/// only.
/// </remarks>
internal sealed class Terminal
{
    /// <summary>The standard input.</summary>
    public required Stream Input { get; init; }

    /// <summary>The standard output, buffered. Flushed when a command ends.</summary>
    public required Stream Output { get; init; }

    /// <summary>Text on standard error.</summary>
    public required TextWriter Error { get; init; }

    public required bool IsInputTerminal { get; init; }

    public required bool IsOutputTerminal { get; init; }

    public required bool IsErrorTerminal { get; init; }

    /// <summary>Returns an environment variable; null if it is missing or empty.</summary>
    public required Func<string, string?> Environment { get; init; }

    /// <summary>Whether output on a terminal has colors: not with <c>NO_COLOR</c> (no-color.org), <c>TERM=dumb</c> or <c>--no-color</c>.</summary>
    public bool HasColors { get; set; }

    /// <summary>The number of columns of the terminal on standard output; <see cref="int.MaxValue"/> if it is none, so that nothing is cut.</summary>
    public required Func<int> Columns { get; init; }

    /// <summary>Whether the terminal understands no control sequences: <c>TERM</c> is <c>dumb</c>, or missing (not on Windows).</summary>
    public bool IsDumb => Environment("TERM") is "dumb" || !OperatingSystem.IsWindows() && Environment("TERM") is null;

    /// <summary>Draws progress on standard error.</summary>
    public IAnsiConsole Err => field ??= AnsiConsole.Create(new AnsiConsoleSettings
    {
        Out = new AnsiConsoleOutput(Error),
        Ansi = IsErrorTerminal && !IsDumb ? AnsiSupport.Detect : AnsiSupport.No,
        ColorSystem = IsErrorTerminal && HasColors ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
        Interactive = IsErrorTerminal ? InteractionSupport.Yes : InteractionSupport.No,
    });

    public static Terminal OfProcess()
    {
        var terminal = new Terminal
        {
            Input = Console.OpenStandardInput(),
            Output = new BufferedStream(StandardStreams.OpenOutput(), 64 * 1024),
            Error = StandardStreams.OpenError(),
            IsInputTerminal = !Console.IsInputRedirected,
            IsOutputTerminal = !Console.IsOutputRedirected,
            IsErrorTerminal = !Console.IsErrorRedirected,
            Environment = name => System.Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null,
            Columns = static () => Console.IsOutputRedirected ? int.MaxValue : TerminalSize.Columns(),
        };
        terminal.HasColors = terminal.Environment("NO_COLOR") is null && !terminal.IsDumb;
        return terminal;
    }

    /// <summary>Flushes the output of a command that has failed.</summary>
    public void TryFlush()
    {
        try
        {
            Output.Flush();
        }
        catch (IOException)
        {
            // The failure of the command is reported, which may be the same one.
        }
    }

    /// <summary>Writes a line to standard error. Texts of servers and files in it cannot control the terminal.</summary>
    public void WriteMessage(string message) => Error.WriteLine(DisplayText.Of(message));

    /// <summary>Writes a text to standard output, visible at once.</summary>
    public void Show(string text)
    {
        Output.Write(Encoding.UTF8.GetBytes(text));
        Output.Flush();
    }
}
