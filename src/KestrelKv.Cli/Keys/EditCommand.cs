using System.CommandLine;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Output;
using KestrelKv.Client;

namespace KestrelKv.Cli.Keys;

/// <summary><c>kkv edit KEY</c>: edits a value in the user's editor, and writes it if no other client has changed the entry.</summary>
internal static class EditCommand
{
    public static Command Create(CommandHost host)
    {
        Argument<string> key = KeyArgument.Key(host);
        var path = new Option<string?>("--path", "-p") { Description = "A part of the value, as a JSON Pointer, such as /items/0." };
        var command = new Command("edit", "Edit a value in $VISUAL, $EDITOR or vi. A missing key begins with null.") { key, path };
        host.SetTerminationTimeout(command, null); // While the editor runs, Ctrl-C is for the editor.
        return host.Handle(command, isWrite: true, handler: async (arguments, session, _) =>
        {
            using var interruption = new Interruption();
            try
            {
                return await RunAsync(session, arguments.GetRequiredValue(key), arguments.GetValue(path) ?? "", interruption);
            }
            catch (OperationCanceledException e) when (interruption.Token.IsCancellationRequested)
            {
                if (e.InnerException is OutcomeUnknownException)
                    session.Terminal.Error.WriteLine("kkv: Interrupted. A write was sent, and its outcome is unknown.");
                return ExitCode.Interrupted;
            }
        });
    }

    private static async Task<int> RunAsync(Session session, string name, string part, Interruption interruption)
    {
        Entry<ReadOnlyMemory<byte>> entry = await session.Client.GetUtf8Async(name, new() { Path = part }, interruption.Token);
        if (!entry.Found && part.Length > 0)
            throw new CommandFailure(ExitCode.Absent, "path_not_found", $"The key \"{DisplayText.Of(name)}\" has no part {part}, or is missing");
        ReadOnlyMemory<byte> before = entry.Found ? entry.Value : "null"u8.ToArray();
        using EditedFile file = EditedFile.Create(before.Span);
        try
        {
            byte[] after = JsonPrinter.ToLine(await EditAsync(session.Terminal, file, interruption));
            if (!after.AsSpan().SequenceEqual(JsonPrinter.ToLine(before.Span)))
                return await PutAsync(session, entry, part, after, interruption.Token);
            session.Terminal.Error.WriteLine("Nothing was changed.");
            return ExitCode.Ok;
        }
        catch (OperationCanceledException)
        {
            if (file.KeepIfChanged()) session.Terminal.Error.WriteLine($"kkv: The edited text is in {file.Path}.");
            throw;
        }
        catch (Exception e) when (CommandFailure.Of(e) is { } failure && file.KeepIfChanged())
        {
            throw new CommandFailure(failure.ExitCode, failure.Code, $"{failure.Message.TrimEnd('.')}. The edited text is in {file.Path}")
            {
                Version = failure.Version,
            };
        }
    }

    /// <summary>Runs the editor until the text is JSON. Returns the text.</summary>
    /// <exception cref="CommandFailure">The user does not want to repair the text, or the editor failed.</exception>
    private static async Task<byte[]> EditAsync(Terminal terminal, EditedFile file, Interruption interruption)
    {
        while (true)
        {
            await Editor.RunAsync(file.Path, terminal, interruption);
            byte[] text = await File.ReadAllBytesAsync(file.Path, interruption.Token);
            try
            {
                ValueSource.Check(text);
                return text;
            }
            catch (System.Text.Json.JsonException e)
            {
                terminal.WriteMessage($"kkv: The text is not JSON: {PlainMessage.Of(e)}.");
                if (!await Editor.AsksAgainAsync(terminal, interruption.Token))
                    throw CommandFailure.Failed("invalid_json", "The text is not JSON; nothing was changed");
            }
        }
    }

    /// <summary>Writes the value. The path, also the empty one of the whole value, lets the entry keep its expiry.</summary>
    private static async Task<int> PutAsync(
        Session session, Entry<ReadOnlyMemory<byte>> entry, string part, byte[] value, CancellationToken stop)
    {
        WriteResult result = await session.Client.PutUtf8Async(entry.Key, value, new() { Path = part, IfVersion = entry.Version }, stop);
        try
        {
            return WriteOutput.Print(session, entry.Key, result);
        }
        catch (CommandFailure failure) when (failure.Code == "precondition_failed")
        {
            throw new CommandFailure(
                failure.ExitCode, failure.Code, $"Another client has changed \"{DisplayText.Of(entry.Key)}\"; nothing was written")
            {
                Version = failure.Version,
            };
        }
    }
}
