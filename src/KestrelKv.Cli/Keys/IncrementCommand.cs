using System.Buffers;
using System.CommandLine;
using System.Text;
using System.Text.Json;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Output;

namespace KestrelKv.Cli.Keys;

/// <summary><c>kkv incr KEY [BY]</c>: adds a number to a number, and prints the sum.</summary>
/// <remarks>The request is written here, because a .NET number type would change the spelling of some numbers, or could not hold them.</remarks>
internal static class IncrementCommand
{
    public static Command Create(CommandHost host)
    {
        Argument<string> key = KeyArgument.Key(host);
        var by = new Argument<string>("by")
        {
            Description = "The addend, such as 5, -1 or 0.25. Default: 1.", Arity = ArgumentArity.ZeroOrOne, DefaultValueFactory = _ => "1",
        };
        var write = new WriteArguments();
        var command = new Command("incr", "Add a number to a number, exactly, and print the sum.") { key, by };
        write.AddTo(command, hasExpiry: true, hasPath: true, hasOld: false);
        return host.Handle(command, isWrite: true, handler: async (arguments, session, stop) =>
        {
            string name = arguments.GetRequiredValue(key);
            byte[] addend = ParseNumber(arguments.GetRequiredValue(by));
            byte[] parameters = Request.Members(json =>
            {
                json.WriteString("obj", name);
                EntryJson.WriteRaw(json, "by", addend);
                write.WriteTo(json, arguments);
                json.WriteString("request_id", Request.NewId());
            });
            var response = new ArrayBufferWriter<byte>();
            await session.Client.CallUtf8Async("INCR", parameters, response, mayRepeat: true, cancellationToken: stop);
            Print(session, name, response.WrittenMemory);
            return ExitCode.Ok;
        });
    }

    private static byte[] ParseNumber(string text)
    {
        byte[] json = Encoding.UTF8.GetBytes(text.StartsWith('+') ? text[1..] : text);
        try
        {
            var reader = new Utf8JsonReader(json);
            if (reader.Read() && reader.TokenType == JsonTokenType.Number && !reader.Read()) return json;
        }
        catch (JsonException)
        {
            // Not JSON, so not a number.
        }
        throw CommandFailure.Usage($"The addend is {text}, expected a number such as 5, -1 or 0.25");
    }

    private static void Print(Session session, string name, ReadOnlyMemory<byte> response)
    {
        using JsonDocument reply = JsonDocument.Parse(response);
        ReadOnlySpan<byte> sum = RawValue.Of(reply.RootElement.GetProperty("val"));
        if (session.Format is not (OutputFormat.Json or OutputFormat.Ndjson))
        {
            session.Write(sum);
            if (session.Format != OutputFormat.Raw) session.Write("\n"u8);
            return;
        }
        byte[] copy = sum.ToArray();
        session.WriteJson(EntryJson.Object(json =>
        {
            EntryJson.WriteText(json, "key", name);
            EntryJson.WriteRaw(json, "value", copy);
            json.WriteBoolean("existed", reply.RootElement.GetProperty("found").GetBoolean());
            foreach (string member in (string[])["version", "expires_at"])
                EntryJson.WriteRaw(json, member, RawValue.Of(reply.RootElement.GetProperty(member)));
        }));
    }
}
