using System.Buffers;
using System.CommandLine;
using System.Text.Json;
using KestrelKv.Cli.Keys;
using KestrelKv.Cli.Output;
using KestrelKv.Cli.Transfer.Backup;
using KestrelKv.Cli.Transfer.Export;
using KestrelKv.Cli.Transfer.Import;
using KestrelKv.Cli.Transfer.Sync;

namespace KestrelKv.Cli.Hosting;

/// <summary>Executes a command. Returns an exit code.</summary>
/// <param name="arguments">The arguments.</param>
/// <param name="session">The session, which the caller disposes of.</param>
/// <param name="stop">Is canceled when the user interrupts the command.</param>
internal delegate Task<int> CommandHandler(ParseResult arguments, Session session, CancellationToken stop);

/// <summary>The commands of the program: parses arguments, executes one command, and reports its failure.</summary>
internal sealed class CommandHost
{
    private readonly Terminal _terminal;
    private readonly GlobalOptions _options = new();

    public CommandHost(Terminal terminal)
    {
        _terminal = terminal;
        Root = new RootCommand("The command line of KestrelKv, a key-value server for JSON documents. Without a command: an interactive shell.")
        {
            GetCommand.Create(this),
            PutCommand.Create(this),
            ExportCommand.Create(this),
            ImportCommand.Create(this),
            SyncCommand.Create(this),
            BackupCommand.Create(this),
        };
        _options.AddTo(Root);
    }

    public RootCommand Root { get; }

    /// <summary>The session of the shell, in which all commands run; null to create one for each command.</summary>
    public Session? SharedSession { get; set; }

    /// <summary>Executes a command.</summary>
    /// <returns>An exit code.</returns>
    public async Task<int> RunAsync(IReadOnlyList<string> args)
    {
        ParseResult parsed = Root.Parse(args);
        if (parsed.Errors.Count > 0)
        {
            Report(CommandFailure.Usage($"{parsed.Errors[0].Message.TrimEnd('.')}. See kkv {parsed.CommandResult.Command.Name} --help"), parsed);
            return ExitCode.Usage;
        }
        return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
    }

    /// <summary>Sets what a command does.</summary>
    /// <param name="command">The command.</param>
    /// <param name="handler">Executes it.</param>
    /// <param name="isWrite">Whether it writes to the server, so that <c>--read-only</c> refuses it.</param>
    public Command Handle(Command command, CommandHandler handler, bool isWrite = false)
    {
        command.SetAction((parsed, stop) => ExecuteAsync(parsed, handler, isWrite, stop));
        return command;
    }

    private async Task<int> ExecuteAsync(ParseResult parsed, CommandHandler handler, bool isWrite, CancellationToken stop)
    {
        Session? session = null;
        try
        {
            session = SharedSession ?? new Session(_terminal, _options, parsed);
            if (isWrite && session.IsReadOnly)
                throw CommandFailure.Usage($"The command {parsed.CommandResult.Command.Name} writes, and the session is read-only (--read-only, KKV_READ_ONLY, or the context)");
            int code = await handler(parsed, session, stop);
            _terminal.Output.Flush();
            return code;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            FlushQuietly();
            return ExitCode.Interrupted;
        }
        catch (IOException e) when (IsBrokenPipe(e))
        {
            return ExitCode.Ok; // The reader of the output, such as head, has what it needs.
        }
        catch (Exception e) when (CommandFailure.Of(e) is { } failure)
        {
            FlushQuietly();
            Report(failure, parsed);
            return failure.ExitCode;
        }
        finally
        {
            if (session is not null && session != SharedSession) await session.DisposeAsync();
        }
    }

    /// <summary>Writes a failure to standard error: as text, or as JSON if the output is JSON.</summary>
    private void Report(CommandFailure failure, ParseResult parsed)
    {
        OutputFormat? format = parsed.Errors.Count > 0 ? null : parsed.GetValue(_options.Output);
        if (format is not (OutputFormat.Json or OutputFormat.Ndjson))
        {
            _terminal.Error.WriteLine($"kkv: {failure.Message.TrimEnd('.')}.");
            return;
        }
        var text = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(text))
        {
            json.WriteStartObject();
            json.WriteStartObject("error");
            json.WriteString("code", failure.Code);
            json.WriteString("message", failure.Message);
            json.WriteNumber("exit_code", failure.ExitCode);
            json.WriteEndObject();
            json.WriteEndObject();
        }
        _terminal.Error.WriteLine(System.Text.Encoding.UTF8.GetString(text.WrittenSpan));
    }

    private void FlushQuietly()
    {
        try
        {
            _terminal.Output.Flush();
        }
        catch (IOException e) when (IsBrokenPipe(e))
        {
            // The failure of the command is reported.
        }
    }

    private static bool IsBrokenPipe(IOException e) => e.HResult == 32 || e.Message.Contains("Broken pipe", StringComparison.Ordinal);
}
