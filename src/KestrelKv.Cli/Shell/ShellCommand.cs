using System.CommandLine;
using System.Runtime.InteropServices;
using System.Text.Json;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Output;
using KestrelKv.Cli.Shell.Editing;
using KestrelKv.Client;

namespace KestrelKv.Cli.Shell;

/// <summary><c>kkv</c> without a command: executes commands from a terminal with a prompt, or from a pipe line by line.</summary>
internal static class ShellCommand
{
    private const string Help = """
        JSON arguments need no quotes: put user:1 {"name": "Ada"}. A command with an open bracket or quote continues on the next line.
        Tab completes. Up, Down and Ctrl-R find earlier commands. Ctrl-C cancels a command or a line. exit or Ctrl-D ends the shell.
        """;

    /// <summary>Makes the root command the shell.</summary>
    public static void AddTo(RootCommand root, CommandHost host)
    {
        host.SetTerminationTimeout(root, null); // In the shell, Ctrl-C is for the command that runs.
        host.Handle(root, (_, session, stop) => RunAsync(root, host, session, stop));
    }

    private static async Task<int> RunAsync(RootCommand root, CommandHost host, Session session, CancellationToken stop)
    {
        if (host.SharedSession is not null) throw CommandFailure.Usage("Options without a command are given, expected a command");
        host.SharedSession = session;
        try
        {
            return session.Terminal is { IsInputTerminal: true, IsOutputTerminal: true, IsDumb: false }
                ? await RunTerminalAsync(root, host, session) : await RunPipeAsync(host, session, stop);
        }
        finally
        {
            host.SharedSession = null;
        }
    }

    private static async Task<int> RunTerminalAsync(RootCommand root, CommandHost host, Session session)
    {
        // A command that runs has its own.
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => context.Cancel = true);
        using var end = new ShellEnd(session.Terminal);
        History history = OpenHistory(session);
        var input = new ShellInput(session.Terminal, PromptOf(session), history, new(root, new(session.Client)));
        await GreetAsync(session);
        while (input.Read() is { } line)
        {
            TryAdd(history, line, session);
            using (end.BeginCommand())
            {
                if (await ExecuteAsync(host, session, line) is null) break;
            }
            if (end.ExitCode is { } code) return code;
        }
        return ExitCode.Ok;
    }

    private static string PromptOf(Session session) => DisplayText.Of($"{Session.NameOf(session.ClientOptions)}> ");

    /// <summary>Executes the lines of a pipe, or of a terminal without control sequences, which shows a prompt.</summary>
    /// <returns>The exit code of the last command that failed; 0 if none did.</returns>
    private static async Task<int> RunPipeAsync(CommandHost host, Session session, CancellationToken stop)
    {
        using var input = new StreamReader(session.Terminal.Input, leaveOpen: true);
        (int failure, string command) = (ExitCode.Ok, "");
        string prompt = session.Terminal is { IsInputTerminal: true, IsOutputTerminal: true } ? PromptOf(session) : "";
        while (true)
        {
            if (prompt.Length > 0) session.Terminal.Show(command.Length == 0 ? prompt : "... ");
            if (await input.ReadLineAsync(stop) is not { } line) break;
            command = command.Length == 0 ? line : $"{command}\n{line}";
            if (ShellWords.Split(command).IsOpen) continue;
            int? code = await ExecuteAsync(host, session, command);
            command = "";
            if (code is not (null or ExitCode.Ok)) failure = code.Value;
            if (code is null or ExitCode.Interrupted) return failure;
        }
        if (command.Length > 0) throw CommandFailure.Usage($"The last command has an open bracket or quote, expected its end: {command}");
        return failure;
    }

    /// <summary>Executes a command.</summary>
    /// <returns>Its exit code; null to end the shell.</returns>
    private static async Task<int?> ExecuteAsync(CommandHost host, Session session, string line)
    {
        string[] words = ShellWords.Split(line).Arguments();
        switch (words)
        {
            case [] or [['#', ..], ..]:
                return ExitCode.Ok;
            case ["exit" or "quit"]:
                return null;
            case ["help" or "?", .. var of]:
                int code = await host.RunAsync([.. of, "--help"]);
                if (of.Length == 0) session.Terminal.Error.WriteLine(Help);
                return code;
            default:
                return await host.RunAsync(words);
        }
    }

    private static async Task GreetAsync(Session session)
    {
        try
        {
            JsonElement info = await session.Client.InfoAsync();
            string keys = info.TryGetProperty("keys", out JsonElement count) ? $", {Figures.Count(count.GetInt64())} keys" : "";
            session.Terminal.WriteMessage($"KestrelKv {info.GetProperty("server_version").GetString()}{keys}. Enter help for the commands.");
        }
        catch (KestrelKvException e)
        {
            session.Terminal.WriteMessage($"kkv: {e.Message.TrimEnd('.')}. The next command connects again.");
        }
    }

    private static History OpenHistory(Session session)
    {
        string path = session.Terminal.Environment("KKV_HISTORY") ?? Path.Combine(
            session.Terminal.Environment("XDG_STATE_HOME")
                ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".local", "state"), "kkv", "history");
        var history = new History(path);
        try
        {
            history.Load();
            return history;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            session.Terminal.WriteMessage(
                $"kkv: The history in {path} cannot be read: {e.Message.TrimEnd('.')}. The commands of this shell are kept in memory only.");
            return new(null);
        }
    }

    private static void TryAdd(History history, string line, Session session)
    {
        try
        {
            history.Add(line);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            session.Terminal.WriteMessage($"kkv: The history cannot be written: {e.Message.TrimEnd('.')}.");
        }
    }
}
