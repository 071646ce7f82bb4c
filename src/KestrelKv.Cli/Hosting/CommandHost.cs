using System.CommandLine;
using System.CommandLine.Help;
using KestrelKv.Cli.Bench;
using KestrelKv.Cli.Completion;
using KestrelKv.Cli.Contexts;
using KestrelKv.Cli.Keys;
using KestrelKv.Cli.KeyStats;
using KestrelKv.Cli.Server;
using KestrelKv.Cli.Shell;
using KestrelKv.Cli.Top;
using KestrelKv.Cli.Transfer.Backup;
using KestrelKv.Cli.Transfer.Export;
using KestrelKv.Cli.Transfer.Import;
using KestrelKv.Cli.Transfer.Sync;
using KestrelKv.Client;

namespace KestrelKv.Cli.Hosting;

/// <summary>Executes a command. Returns an exit code.</summary>
/// <param name="arguments">The arguments.</param>
/// <param name="session">The session, which the caller disposes of.</param>
/// <param name="stop">Is canceled when the user interrupts the command.</param>
internal delegate Task<int> CommandHandler(ParseResult arguments, Session session, CancellationToken stop);

/// <summary>The commands of the program: parses arguments, executes one command, and reports its failure.</summary>
internal sealed class CommandHost
{
    // After Ctrl-C, a command has this time to stop: enough to close its connections and to print what it has done.
    private static readonly TimeSpan TerminationTimeout = TimeSpan.FromSeconds(10);

    // A value that begins with @ names a file for the commands themselves. The parser must not replace it by the words of the file.
    private static readonly ParserConfiguration Parsing = new() { ResponseFileTokenReplacer = null };

    private readonly FailureReport _failures;
    private readonly Dictionary<Command, TimeSpan?> _terminationTimeouts = [];

    public CommandHost(Terminal terminal)
    {
        Terminal = terminal;
        _failures = new(terminal, Options);
        Root = new RootCommand("The command line of KestrelKv, a key-value server for JSON documents. Without a command: an interactive shell.")
        {
            GetCommand.Create(this),
            PutCommand.Create(this),
            DeleteCommand.Create(this),
            PatchCommand.Create(this),
            IncrementCommand.Create(this),
            ExpireCommand.Create(this),
            EditCommand.Create(this),
            GetManyCommand.Create(this),
            ScanCommand.Create(this),
            CountCommand.Create(this),
            WatchCommand.Create(this),
            BatchCommand.Create(this),
            CallCommand.Create(this),
            InfoCommand.Create(this),
            PingCommand.Create(this),
            TopCommand.Create(this),
            KeyStatsCommand.Create(this),
            BenchCommand.Create(this),
            ExportCommand.Create(this),
            ImportCommand.Create(this),
            SyncCommand.Create(this),
            BackupCommand.Create(this),
            UserCommand.Create(this),
            ContextCommand.Create(this),
            CompletionCommand.Create(this),
        };
        Options.AddTo(Root);
        ShellCommand.AddTo(Root, this);
        foreach (HelpOption help in Root.Options.OfType<HelpOption>())
        {
            // The width of Console would initialize it.
            if (help.Action is HelpAction action) action.MaxWidth = terminal.Columns();
            // Completions would offer these spellings of Windows.
            foreach (string alias in (string[])["-?", "/?", "/h"]) help.Aliases.Remove(alias);
        }
    }

    public RootCommand Root { get; }

    public Terminal Terminal { get; }

    public GlobalOptions Options { get; } = new();

    /// <summary>The session of the shell, in which all commands run; null to create one for each command.</summary>
    public Session? SharedSession { get; set; }

    /// <summary>Executes a command.</summary>
    /// <returns>An exit code.</returns>
    public async Task<int> RunAsync(IReadOnlyList<string> args)
    {
        ParseResult parsed = Root.Parse(args, Parsing);
        if (parsed.Errors.Count > 0 || ArgumentFault.OfUnknownOption(parsed) is not null)
        {
            _failures.Write(FailureReport.Of(parsed), parsed);
            return ExitCode.Usage;
        }

        try
        {
            return await InvokeAsync(parsed);
        }
        catch (ClosedOutputException)
        {
            return ExitCode.Ok;
        }
        catch (IOException e) // Of the help, or of completions. Commands report their failures.
        {
            _failures.Write(CommandFailure.Failed("io", e.Message), parsed);
            return ExitCode.Failed;
        }
    }

    /// <summary>Creates the session of a command line that is being completed. The caller disposes of it.</summary>
    public Session CreateSession(ParseResult parsed) => new(Terminal, Options, parsed);

    /// <summary>Sets what a command does.</summary>
    /// <param name="command">The command.</param>
    /// <param name="handler">Executes it.</param>
    /// <param name="isWrite">Whether it writes to the server, so that <c>--read-only</c> refuses it.</param>
    public Command Handle(Command command, CommandHandler handler, bool isWrite = false)
    {
        command.SetAction((parsed, stop) => ExecuteAsync(parsed, handler, isWrite, stop));
        return command;
    }

    /// <summary>Sets the time that a command has to stop after Ctrl-C. The default is 10 seconds.</summary>
    /// <param name="command">The command.</param>
    /// <param name="timeout">The time; <see cref="Timeout.InfiniteTimeSpan"/> for no limit, null if the command handles Ctrl-C itself.</param>
    public void SetTerminationTimeout(Command command, TimeSpan? timeout) => _terminationTimeouts[command] = timeout;

    private async Task<int> InvokeAsync(ParseResult parsed)
    {
        // For help and completions. Console.Out would send control sequences to a terminal.
        await using var text = new StreamWriter(Terminal.Output, leaveOpen: true) { AutoFlush = true };
        return await parsed.InvokeAsync(new InvocationConfiguration
        {
            EnableDefaultExceptionHandler = false,
            Output = text,
            Error = Terminal.Error,
            ProcessTerminationTimeout = _terminationTimeouts.GetValueOrDefault(parsed.CommandResult.Command, TerminationTimeout),
        });
    }

    private async Task<int> ExecuteAsync(ParseResult parsed, CommandHandler handler, bool isWrite, CancellationToken stop)
    {
        Session? session = null;
        try
        {
            session = new Session(Terminal, Options, parsed, SharedSession);
            if (isWrite) session.ThrowIfReadOnly($"The command {parsed.CommandResult.Command.Name}");
            int code = await handler(parsed, session, stop);
            Terminal.Output.Flush();
            return code;
        }
        catch (OperationCanceledException e) when (stop.IsCancellationRequested)
        {
            Terminal.TryFlush();
            if (e.InnerException is OutcomeUnknownException)
                Terminal.Error.WriteLine("kkv: Interrupted. A write was sent, and its outcome is unknown.");
            return ExitCode.Interrupted;
        }
        catch (ClosedOutputException)
        {
            return ExitCode.Ok;
        }
        catch (Exception e) when (CommandFailure.Of(e) is { } failure)
        {
            Terminal.TryFlush();
            _failures.Write(failure, parsed);
            return failure.ExitCode;
        }
        finally
        {
            if (session is not null) await session.DisposeAsync();
        }
    }
}
