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
        return host.Handle(command, isWrite: true, handler: async (arguments, session, stop) =>
        {
            string name = arguments.GetRequiredValue(key);
            string part = arguments.GetValue(path) ?? "";
            Entry<ReadOnlyMemory<byte>> entry = await session.Client.GetUtf8Async(name, new() { Path = part }, stop);
            if (!entry.Found && part.Length > 0)
                throw new CommandFailure(ExitCode.Absent, "path_not_found", $"The key \"{DisplayText.Of(name)}\" has no part {part}, or is missing");
            ReadOnlyMemory<byte> before = entry.Found ? entry.Value : "null"u8.ToArray();
            using EditedFile file = EditedFile.Create(before.Span);
            byte[] after = JsonPrinter.ToLine(await EditAsync(session, file, stop));
            if (after.AsSpan().SequenceEqual(JsonPrinter.ToLine(before.Span)))
            {
                session.Terminal.Error.WriteLine("Nothing was changed.");
                return ExitCode.Ok;
            }
            return await PutAsync(session, entry, part, after, file, stop);
        });
    }

    /// <summary>Runs the editor until the text is JSON. Returns the text.</summary>
    /// <exception cref="CommandFailure">The user does not want to repair the text, or the editor failed.</exception>
    private static async Task<byte[]> EditAsync(Session session, EditedFile file, CancellationToken stop)
    {
        while (true)
        {
            await Editor.RunAsync(file.Path, session.Terminal, stop);
            byte[] text = await File.ReadAllBytesAsync(file.Path, stop);
            try
            {
                ValueSource.Check(text);
                return text;
            }
            catch (System.Text.Json.JsonException e)
            {
                session.Terminal.WriteMessage($"kkv: The text is not JSON: {PlainMessage.Of(e)}.");
                if (!await Editor.AsksAgainAsync(session.Terminal, stop))
                    throw CommandFailure.Failed("invalid_json", $"The text is not JSON; nothing was changed. The text is in {file.Keep()}");
            }
        }
    }

    /// <summary>Writes the value. The path, also the empty one of the whole value, lets the entry keep its expiry.</summary>
    private static async Task<int> PutAsync(
        Session session, Entry<ReadOnlyMemory<byte>> entry, string part, byte[] value, EditedFile file, CancellationToken stop)
    {
        try
        {
            WriteResult result = await session.Client.PutUtf8Async(entry.Key, value, new() { Path = part, IfVersion = entry.Version }, stop);
            return WriteOutput.Print(session, entry.Key, result);
        }
        catch (Exception e) when (CommandFailure.Of(e) is { } failure)
        {
            string reason = failure.Code == "precondition_failed"
                ? $"Another client has changed \"{DisplayText.Of(entry.Key)}\"; nothing was written" : failure.Message.TrimEnd('.');
            throw new CommandFailure(failure.ExitCode, failure.Code, $"{reason}. The edited text is in {file.Keep()}") { Version = failure.Version };
        }
        catch (OperationCanceledException)
        {
            session.Terminal.Error.WriteLine($"kkv: The edited text is in {file.Keep()}.");
            throw;
        }
    }
}
