using System.Buffers;
using System.CommandLine;
using System.Text.Json;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Output;
using KestrelKv.Client;

namespace KestrelKv.Cli.Keys;

/// <summary><c>kkv batch [FILE]</c>: executes operations as one commit, and prints their results.</summary>
internal static class BatchCommand
{
    public static Command Create(CommandHost host)
    {
        var file = new Argument<string?>("file")
        {
            Description = "A file with operations {\"func\", \"params\"}, one on each line or in an array; - for standard input (default).",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var memory = new Option<bool>("--ack-memory") { Description = "Do not wait until the commit is synced to disk." };
        var command = new Command("batch", "Execute up to 1,000 operations as one commit. If one fails, none has an effect.") { file, memory };
        return host.Handle(command, isWrite: true, handler: async (arguments, session, stop) =>
        {
            BatchOperations operations = BatchOperations.Parse(await ReadAsync(arguments.GetValue(file), session.Terminal, stop));
            byte[] parameters = Request.Members(json =>
            {
                EntryJson.WriteRaw(json, "ops", [.. "["u8, .. operations.Json, .. "]"u8]);
                if (arguments.GetValue(memory)) json.WriteString("ack", "memory");
                json.WriteString("request_id", Request.NewId());
            });
            var response = new ArrayBufferWriter<byte>();
            try
            {
                await session.Client.CallUtf8Async("BATCH", parameters, response, mayRepeat: true, cancellationToken: stop);
            }
            catch (RefusedException e) when (e.Index is { } index && index < operations.Names.Count)
            {
                throw FailureOf(e, operations.Names[index]);
            }
            Print(session, operations, response.WrittenMemory);
            return ExitCode.Ok;
        });
    }

    private static async Task<byte[]> ReadAsync(string? file, Terminal terminal, CancellationToken stop)
    {
        if (file is not (null or "-")) return await File.ReadAllBytesAsync(file, stop);
        return await ValueSource.ReadInputAsync(terminal, "operations", stop);
    }

    private static CommandFailure FailureOf(RefusedException refused, (string Function, string Key) operation)
    {
        CommandFailure failure = CommandFailure.Of(refused)!;
        string name = $"{operation.Function} \"{DisplayText.Of(operation.Key)}\"";
        string message = $"Operation {refused.Index} ({name}) failed, so that nothing was changed: {refused.Message}";
        return new(failure.ExitCode, failure.Code, message) { Index = failure.Index, Version = failure.Version };
    }

    private static void Print(Session session, BatchOperations operations, ReadOnlyMemory<byte> response)
    {
        if (session.Format == OutputFormat.Json)
        {
            session.WriteJson(response.Span);
            return;
        }
        using JsonDocument reply = JsonDocument.Parse(response, new JsonDocumentOptions { MaxDepth = 100_000 });
        var list = new ResultList(session, "#", "FUNC", "KEY", "RESULT");
        int index = 0;
        foreach (JsonElement result in reply.RootElement.GetProperty("results").EnumerateArray())
        {
            int i = index++;
            list.Add(
                () => EntryJson.OnOneLine(RawValue.Of(result)).ToArray(),
                () => RawValue.Of(result).ToArray(),
                () => [$"{i}", operations.Names[i].Function, DisplayText.Of(operations.Names[i].Key),
                    DisplayText.OfJson(RawValue.Of(result), session.Columns)]);
        }
        list.End();
        session.Terminal.Output.Flush();
        if (session.FormatOrDefault == OutputFormat.Table)
            session.Terminal.Error.WriteLine($"ok, version {reply.RootElement.GetProperty("version").GetInt64()}");
    }
}
