using System.Text;
using System.Text.Json;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Output;
using KestrelKv.Client;

namespace KestrelKv.Cli.Keys;

/// <summary>Prints the events of a watch: a line for people, otherwise a JSON object on each line.</summary>
internal sealed class WatchOutput(Session session)
{
    // More of a value is not visible.
    private readonly int _columns = session.Columns;

    public void Print(in WatchEvent<JsonElement> change)
    {
        if (session.FormatOrDefault == OutputFormat.Table) session.Write(LineOf(change));
        else if (session.FormatOrDefault != OutputFormat.Raw)
        {
            session.Write(JsonOf(change));
            session.Write("\n"u8);
        }
        else if (change.Kind == WatchEventKind.Put)
        {
            session.Write(change.Value.ValueKind == JsonValueKind.Undefined ? Encoding.UTF8.GetBytes(change.Key) : RawValue.Of(change.Value));
            session.Write("\n"u8);
        }
    }

    private static byte[] JsonOf(in WatchEvent<JsonElement> change)
    {
        WatchEvent<JsonElement> copy = change;
        return EntryJson.Object(json =>
        {
            json.WriteString("kind", NameOf(copy.Kind));
            if (copy.Kind is not (WatchEventKind.Reset or WatchEventKind.CaughtUp)) EntryJson.WriteText(json, "key", copy.Key);
            if (copy.Value.ValueKind != JsonValueKind.Undefined) EntryJson.WriteValue(json, "value", RawValue.Of(copy.Value));
            if (copy.Kind != WatchEventKind.Reset) json.WriteNumber("version", copy.Version);
            if (copy.Kind is WatchEventKind.Put or WatchEventKind.SetExpiry) EntryJson.WriteExpiry(json, copy.ExpiresAt);
        });
    }

    private string LineOf(in WatchEvent<JsonElement> change)
    {
        string text = change.Kind switch
        {
            WatchEventKind.Reset => "all entries follow",
            WatchEventKind.CaughtUp => "changes follow",
            WatchEventKind.SetExpiry => $"{DisplayText.Of(change.Key)} expires {DisplayText.OfExpiry(change.ExpiresAt)}",
            WatchEventKind.Put when change.Value.ValueKind != JsonValueKind.Undefined =>
                $"{DisplayText.Of(change.Key)} = {DisplayText.OfJson(RawValue.Of(change.Value), _columns)}",
            _ => DisplayText.Of(change.Key),
        };
        string head = $"{(change.Version == 0 ? "" : $"{change.Version}"),8}  {NameOf(change.Kind),-10}  ";
        string line = DisplayText.Cut(head + text, Math.Max(_columns, 40));
        return session.HasColors ? $"{ColorOf(change.Kind)}{line}\e[0m\n" : line + "\n";
    }

    /// <summary>Returns the name of the wire protocol.</summary>
    private static string NameOf(WatchEventKind kind) => kind switch
    {
        WatchEventKind.Put => "put",
        WatchEventKind.SetExpiry => "set_expiry",
        WatchEventKind.Delete => "delete",
        WatchEventKind.Expire => "expire",
        WatchEventKind.Evict => "evict",
        WatchEventKind.Reset => "reset",
        WatchEventKind.CaughtUp => "caught_up",
        _ => "progress",
    };

    private static string ColorOf(WatchEventKind kind) => kind switch
    {
        WatchEventKind.Put => "\e[32m",
        WatchEventKind.SetExpiry => "\e[33m",
        WatchEventKind.Reset or WatchEventKind.CaughtUp => "\e[90m",
        _ => "\e[31m",
    };
}
