using System.Buffers;
using System.CommandLine;
using System.Text;
using System.Text.Json;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Output;

namespace KestrelKv.Cli.Server;

/// <summary><c>kkv info</c>: prints the statistics of the server.</summary>
internal static class InfoCommand
{
    public static Command Create(CommandHost host)
    {
        var command = new Command("info", "Print the version, size and state of the server.");
        return host.Handle(command, async (_, session, stop) =>
        {
            var response = new ArrayBufferWriter<byte>();
            await session.Client.CallUtf8Async("INFO", default, response, mayRepeat: true, cancellationToken: stop);
            if (session.FormatOrDefault == OutputFormat.Table) PrintTable(session, response.WrittenMemory);
            else session.WriteJson(response.WrittenSpan);
            return ExitCode.Ok;
        });
    }

    private static void PrintTable(Session session, ReadOnlyMemory<byte> response)
    {
        using JsonDocument info = JsonDocument.Parse(response);
        var table = new TextTable(session.Terminal.Output, ["NAME", "VALUE"], session.Columns, session.HasColors);
        foreach (JsonProperty member in info.RootElement.EnumerateObject())
        {
            string value = member.Value.ValueKind == JsonValueKind.String
                ? member.Value.GetString()! : Encoding.UTF8.GetString(RawValue.Of(member.Value));
            table.Add([member.Name, DisplayText.Of(value)]);
        }
        table.Write();
    }
}
