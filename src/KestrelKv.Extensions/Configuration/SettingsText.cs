using System.Text.Json;
using Microsoft.Extensions.Configuration;

namespace KestrelKv.Extensions.Configuration;

/// <summary>Converts entries to settings, as the configuration provider for JSON files does.</summary>
internal static class SettingsText
{
    /// <summary>
    /// Returns the settings of entries. If two entries define the same setting, the one with the later key in ordinal order wins.
    /// </summary>
    public static Dictionary<string, string?> Flatten(string prefix, IEnumerable<KeyValuePair<string, JsonElement>> entries)
    {
        var settings = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        foreach ((string key, JsonElement value) in entries.OrderBy(entry => entry.Key, StringComparer.Ordinal))
            Add(settings, Path(key[prefix.Length..]), value);
        return settings;
    }

    private static string Path(string key) => key.Replace("/", ConfigurationPath.KeyDelimiter, StringComparison.Ordinal).Trim(':');

    private static void Add(Dictionary<string, string?> settings, string path, JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                bool isEmpty = true;
                foreach (JsonProperty member in value.EnumerateObject())
                {
                    isEmpty = false;
                    Add(settings, Combine(path, member.Name), member.Value);
                }
                if (isEmpty && path.Length > 0) settings[path] = null;
                break;
            case JsonValueKind.Array:
                int index = 0;
                foreach (JsonElement element in value.EnumerateArray()) Add(settings, Combine(path, $"{index++}"), element);
                if (index == 0 && path.Length > 0) settings[path] = "";
                break;
            case JsonValueKind.Null:
                if (path.Length > 0) settings[path] = null;
                break;
            default:
                if (path.Length > 0) settings[path] = value.ToString();
                break;
        }
    }

    private static string Combine(string path, string name) => path.Length == 0 ? name : ConfigurationPath.Combine(path, name);
}
