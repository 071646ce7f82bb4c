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
        var key = new Argument<string>("key") { Description = "The key." };
        var path = new Option<string?>("--path", "-p") { Description = "A part of the value, as a JSON Pointer, such as /items/0." };
        var touch = new Option<double?>("--touch") { Description = "Extend the expiry to at least this many seconds from now." };
        var command = new Command("get", "Print the value of a key.") { key, path, touch };
        return host.Handle(command, async (arguments, session, stop) =>
        {
            string name = arguments.GetRequiredValue(key);
            GetOptions options = new() { Path = arguments.GetValue(path), Touch = Seconds.ToTime(arguments.GetValue(touch), "--touch") };
            Entry<ReadOnlyMemory<byte>> entry = await session.Client.GetUtf8Async(name, options, stop);
            if (session.Format is OutputFormat.Json or OutputFormat.Ndjson) session.WriteJson(EntryJson.Of(entry));
            else if (!entry.Found) session.Terminal.Error.WriteLine($"kkv: The key \"{name}\"{(options.Path is { } part ? $" has no part {part}, or" : "")} is missing.");
            else if (session.Format is null or OutputFormat.Table && session.Terminal.IsOutputTerminal) session.WriteJson(entry.Value.Span);
            else session.Write(entry.Value.Span);
            if (entry.Found && session.Format is null && !session.Terminal.IsOutputTerminal) session.Write("\n"u8);
            return entry.Found ? ExitCode.Ok : ExitCode.Absent;
        });
    }
}
