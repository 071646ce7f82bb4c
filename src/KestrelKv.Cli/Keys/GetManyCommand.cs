using System.CommandLine;
using System.Text.Json;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Output;
using KestrelKv.Client;

namespace KestrelKv.Cli.Keys;

/// <summary><c>kkv mget KEY...</c>: prints the values of up to 1,000 keys, read at one point in time.</summary>
internal static class GetManyCommand
{
    public static Command Create(CommandHost host)
    {
        Argument<string[]> keys = KeyArgument.Keys(host);
        var path = new Option<string?>("--path", "-p") { Description = "A part of the values, as a JSON Pointer, such as /items/0." };
        var touch = new Option<double?>("--touch") { Description = "Extend the expiry to at least this many seconds from now." };
        var command = new Command("mget", "Print the values of up to 1,000 keys, read at one point in time.") { keys, path, touch };
        return host.Handle(command, async (arguments, session, stop) =>
        {
            if (arguments.GetValue(touch) is not null) session.ThrowIfReadOnly("The option --touch");
            GetOptions options = new() { Path = arguments.GetValue(path), Touch = Seconds.ToTime(arguments.GetValue(touch), "--touch") };
            IReadOnlyList<Entry<JsonElement>> entries =
                await session.Client.GetManyAsync(arguments.GetRequiredValue(keys), RawValue.Type, options, stop);
            var list = new EntryList(session, hasValues: true, hasFound: true);
            foreach (Entry<JsonElement> entry in entries) list.Add(entry);
            list.End();
            return entries.All(entry => entry.Found) ? ExitCode.Ok : ExitCode.Absent;
        });
    }
}
