using System.Text.Json;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Deploy;

internal static class Dashboard
{
    public static JsonElement Read() =>
        JsonDocument.Parse(File.ReadAllText(Repository.PathTo("deploy", "grafana", "dashboards", "kestrelkv.json"))).RootElement;

    /// <summary>Returns the panels without the rows.</summary>
    public static IEnumerable<JsonElement> Panels() =>
        Read().GetProperty("panels").EnumerateArray().Where(panel => panel.GetProperty("type").GetString() != "row");

    /// <summary>Returns the Prometheus queries of the panels.</summary>
    public static IEnumerable<(string Panel, string Expression, string Legend)> Targets() =>
        from panel in Panels()
        from target in panel.GetProperty("targets").EnumerateArray()
        select (panel.GetProperty("title").GetString()!, target.GetProperty("expr").GetString()!, target.GetProperty("legendFormat").GetString()!);
}
