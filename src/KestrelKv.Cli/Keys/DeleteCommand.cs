using System.CommandLine;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Output;
using KestrelKv.Client;

namespace KestrelKv.Cli.Keys;

/// <summary><c>kkv del KEY...</c>: removes keys. Up to 1,000 keys are removed by one commit.</summary>
internal static class DeleteCommand
{
    public static Command Create(CommandHost host)
    {
        Argument<string[]> keys = KeyArgument.Keys(host);
        var write = new WriteArguments();
        var command = new Command("del", "Remove keys. Several keys are removed together, or none of them.") { keys };
        write.AddTo(command, hasExpiry: false, hasPath: false);
        return host.Handle(command, isWrite: true, handler: async (arguments, session, stop) =>
        {
            string[] names = arguments.GetRequiredValue(keys);
            WriteOptions options = write.Read(arguments);
            if (names.Length > 1 && options.IfVersion is not null)
                throw CommandFailure.Usage($"--if-version is given with {names.Length} keys, expected one key");
            return Print(session, names, await DeleteAsync(session.Client, names, options, stop));
        });
    }

    private static async Task<WriteResult[]> DeleteAsync(KestrelKvClient client, string[] names, WriteOptions options, CancellationToken stop)
    {
        if (names.Length == 1)
        {
            WriteResult one = await client.DeleteAsync(names[0], options, stop);
            WriteOutput.ThrowIfNotApplied(names[0], one);
            return [one];
        }
        if (names.Length > 1_000) throw CommandFailure.Usage($"There are {names.Length} keys, expected at most 1000");
        Batch batch = client.CreateBatch();
        foreach (string name in names) batch.Delete(name, new() { IfExists = options.IfExists, ReturnOld = options.ReturnOld });
        BatchResult result = await batch.CommitAsync(new() { AcknowledgeFromMemory = options.AcknowledgeFromMemory }, stop);
        if (result.FailedIndex is { } failed) WriteOutput.ThrowIfNotApplied(names[failed], new() { Status = result.Status });
        return [.. names.Select((_, i) => result.GetWrite(i))];
    }

    private static int Print(Session session, string[] names, WriteResult[] results)
    {
        var list = new ResultList(session, "KEY", "REMOVED", "VERSION");
        for (int i = 0; i < names.Length; i++)
        {
            (string name, WriteResult result) = (names[i], results[i]);
            list.Add(
                () => EntryJson.Object(json => WriteMembers(json, name, result)),
                () => result.Old,
                () => [DisplayText.Of(name), result.Existed ? "yes" : "missing", $"{result.Version}"]);
        }
        list.End();
        return results.All(result => result.Existed) ? ExitCode.Ok : ExitCode.Absent;
    }

    private static void WriteMembers(System.Text.Json.Utf8JsonWriter json, string name, in WriteResult result)
    {
        EntryJson.WriteText(json, "key", name);
        json.WriteBoolean("existed", result.Existed);
        json.WriteNumber("version", result.Version);
        if (result.Old.IsEmpty) return;
        EntryJson.WriteValue(json, "old", result.Old.Span);
    }
}
