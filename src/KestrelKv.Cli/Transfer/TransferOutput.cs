using System.Text.Json;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Output;

namespace KestrelKv.Cli.Transfer;

/// <summary>Prints the result of a transfer: a sentence on standard error for people, otherwise a JSON object.</summary>
internal static class TransferOutput
{
    public static void Print(Session session, string sentence, Action<Utf8JsonWriter> members)
    {
        if (session.FormatOrDefault is OutputFormat.Table or OutputFormat.Raw) session.Terminal.Error.WriteLine(sentence);
        else session.WriteJson(EntryJson.Object(members));
    }
}
