using System.CommandLine;
using System.Text;
using System.Text.Json;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Output;
using KestrelKv.Client;

namespace KestrelKv.Cli.Keys;

/// <summary><c>kkv scan [PREFIX]</c>: lists keys in the order of their bytes.</summary>
internal static class ScanCommand
{
    public static Command Create(CommandHost host)
    {
        Argument<string> prefix = KeyArgument.Prefix(host);
        var scan = new ScanArguments();
        var command = new Command("scan", "List keys in the order of their bytes.") { prefix };
        scan.AddTo(command);
        return host.Handle(command, async (arguments, session, stop) =>
        {
            string text = arguments.GetRequiredValue(prefix);
            ScanOptions options = scan.Read(arguments);
            if (arguments.GetValue(scan.Delimiter) is { } delimiter)
                await PrintTreeAsync(session, session.Client.ScanTreeAsync(text, delimiter, options, stop));
            else if (arguments.GetValue(scan.Keys)) await PrintKeysAsync(session, session.Client.ScanKeysAsync(text, options, stop));
            else if (arguments.GetValue(scan.Values)) await PrintEntriesAsync(session, session.Client.ScanAsync(text, RawValue.Type, options, stop));
            else await PrintInfosAsync(session, session.Client.ScanKeysAsync(text, options, stop));
            return ExitCode.Ok;
        });
    }

    private static async Task PrintEntriesAsync(Session session, IAsyncEnumerable<Entry<JsonElement>> entries)
    {
        var list = new EntryList(session, hasValues: true, hasFound: false);
        await foreach (Entry<JsonElement> entry in entries) list.Add(entry);
        list.End();
    }

    private static async Task PrintInfosAsync(Session session, IAsyncEnumerable<KeyInfo> keys)
    {
        var list = new EntryList(session, hasValues: false, hasFound: false);
        await foreach (KeyInfo key in keys) list.Add(key);
        list.End();
    }

    /// <summary>Prints keys as they are, one on each line; as JSON strings in the JSON forms, so that a key can contain a line feed.</summary>
    private static async Task PrintKeysAsync(Session session, IAsyncEnumerable<KeyInfo> keys)
    {
        bool isJson = session.Format is OutputFormat.Json or OutputFormat.Ndjson;
        var list = new ResultList(session, "KEY");
        await foreach (KeyInfo key in keys)
        {
            if (isJson) list.Add(() => EntryJson.String(key.Key), null!, null!);
            else session.Write((session.Terminal.IsOutputTerminal ? DisplayText.Of(key.Key) : key.Key) + "\n");
        }
        if (isJson) list.End();
    }

    private static async Task PrintTreeAsync(Session session, IAsyncEnumerable<KeyNode> nodes)
    {
        var list = new ResultList(session, "KEYS", "NAME");
        await foreach (KeyNode node in nodes)
        {
            list.Add(
                () => EntryJson.Object(json =>
                {
                    EntryJson.WriteText(json, node.IsGroup ? "prefix" : "key", node.Key);
                    if (node.IsGroup) json.WriteNumber("keys", node.Count);
                }),
                () => Encoding.UTF8.GetBytes(node.Key),
                () => [node.IsGroup ? $"{node.Count}" : "", DisplayText.Of(node.Key)]);
        }
        list.End();
    }
}
