using System.Text.Json;
using KestrelKv.Server.Settings;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Documents;

/// <summary>The repository's appsettings.json, with every setting at its default.</summary>
internal static class SettingsFile
{
    public static string FilePath { get; } = Repository.PathTo("appsettings.json");

    /// <summary>Returns the settings, spelled as in the file, ordered by name.</summary>
    public static (string Name, string Value)[] Read()
    {
        using JsonDocument file = JsonDocument.Parse(File.ReadAllText(FilePath));
        return [.. Settings(file.RootElement.GetProperty(ServerSettings.Section), "").OrderBy(setting => setting.Name, StringComparer.Ordinal)];
    }

    private static IEnumerable<(string Name, string Value)> Settings(JsonElement section, string prefix) =>
        section.EnumerateObject().SelectMany(p => p.Value.ValueKind switch
        {
            JsonValueKind.Object => Settings(p.Value, $"{prefix}{p.Name}:"),
            JsonValueKind.String => [(prefix + p.Name, p.Value.GetString()!)],
            _ => [(prefix + p.Name, p.Value.GetRawText())],
        });
}
