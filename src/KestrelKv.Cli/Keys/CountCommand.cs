using System.CommandLine;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Output;

namespace KestrelKv.Cli.Keys;

/// <summary><c>kkv count [PREFIX]</c>: prints the number of keys.</summary>
internal static class CountCommand
{
    public static Command Create(CommandHost host)
    {
        Argument<string> prefix = KeyArgument.Prefix(host);
        var command = new Command("count", "Print the number of keys.") { prefix };
        return host.Handle(command, async (arguments, session, stop) =>
        {
            string text = arguments.GetRequiredValue(prefix);
            long count = await session.Client.CountAsync(text, cancellationToken: stop);
            if (session.Format is not (OutputFormat.Json or OutputFormat.Ndjson)) session.Write($"{count}\n");
            else
            {
                session.WriteJson(EntryJson.Object(json =>
                {
                    EntryJson.WriteText(json, "prefix", text);
                    json.WriteNumber("count", count);
                }));
            }
            return ExitCode.Ok;
        });
    }
}
