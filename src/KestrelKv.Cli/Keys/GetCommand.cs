using System.CommandLine;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Output;
using KestrelKv.Client;

namespace KestrelKv.Cli.Keys;

/// <summary><c>kkv get KEY</c>: prints a value, or a part of it.</summary>
internal static class GetCommand
{
    public static Command Create(CommandHost host)
    {
        Argument<string> key = KeyArgument.Key(host);
        var path = new Option<string?>("--path", "-p") { Description = "A part of the value, as a JSON Pointer, such as /items/0." };
        var touch = new Option<double?>("--touch") { Description = "Extend the expiry to at least this many seconds from now." };
        var command = new Command("get", "Print the value of a key.") { key, path, touch };
        return host.Handle(command, async (arguments, session, stop) =>
        {
            string name = arguments.GetRequiredValue(key);
            if (arguments.GetValue(touch) is not null) session.ThrowIfReadOnly("The option --touch");
            GetOptions options = new() { Path = arguments.GetValue(path), Touch = Seconds.ToTime(arguments.GetValue(touch), "--touch") };
            Entry<ReadOnlyMemory<byte>> entry = await session.Client.GetUtf8Async(name, options, stop);
            Print(session, entry, options.Path);
            return entry.Found ? ExitCode.Ok : ExitCode.Absent;
        });
    }

    private static void Print(Session session, in Entry<ReadOnlyMemory<byte>> entry, string? path)
    {
        OutputFormat? format = session.Format ?? (session.Terminal.IsOutputTerminal ? OutputFormat.Table : null);
        if (format is OutputFormat.Json or OutputFormat.Ndjson)
        {
            session.WriteJson(EntryJson.Of(entry));
            return;
        }
        if (!entry.Found)
        {
            string part = path is null ? "" : $" has no part {path}, or";
            session.Terminal.WriteMessage($"kkv: The key \"{DisplayText.Of(entry.Key)}\"{part} is missing.");
        }
        else if (format == OutputFormat.Table) session.WriteJson(entry.Value.Span);
        else session.Write(entry.Value.Span);
        if (entry.Found && format is null) session.Write("\n"u8);
    }
}
