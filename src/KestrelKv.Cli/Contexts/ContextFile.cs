using System.Text.Json;
using System.Text.Json.Serialization;
using KestrelKv.Cli.Hosting;

namespace KestrelKv.Cli.Contexts;

/// <summary>A saved server.</summary>
/// <param name="Url">The connection string.</param>
/// <param name="Http">The HTTP address; null for the default.</param>
/// <param name="ReadOnly">Whether commands that write are refused.</param>
internal sealed record SavedServer(string Url, string? Http = null, bool ReadOnly = false);

/// <summary>The saved servers of the user. The file may contain secrets, so that only the user may read it.</summary>
/// <param name="Current">The name of the server that commands use by default; null for none.</param>
/// <param name="Contexts">The servers by name.</param>
internal sealed record ContextFile(string? Current, SortedDictionary<string, SavedServer> Contexts)
{
    /// <summary>The path: <c>KKV_CONFIG</c>, or <c>kkv/contexts.json</c> in the directory for settings (<c>XDG_CONFIG_HOME</c>).</summary>
    public static string PathOf(Terminal terminal) => terminal.Environment("KKV_CONFIG") ?? Path.Combine(
        terminal.Environment("XDG_CONFIG_HOME")
            ?? Environment.GetFolderPath(Environment.SpecialFolder.ApplicationData, Environment.SpecialFolderOption.DoNotVerify),
        "kkv", "contexts.json");

    /// <exception cref="CommandFailure">The file cannot be read.</exception>
    public static ContextFile Load(Terminal terminal)
    {
        string path = PathOf(terminal);
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), ContextJson.Default.ContextFile) ?? new(null, []);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return new(null, []);
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            string reason = e is JsonException json ? PlainMessage.Of(json) : e.Message;
            throw CommandFailure.Failed("context", $"The contexts in {path} cannot be read: {reason}");
        }
    }

    /// <summary>Returns the saved servers; null if the file cannot be read.</summary>
    public static ContextFile? TryLoad(Terminal terminal)
    {
        try
        {
            return Load(terminal);
        }
        catch (CommandFailure)
        {
            return null; // The caller has no place for a message.
        }
    }

    /// <summary>Replaces the file.</summary>
    public void Save(Terminal terminal)
    {
        string path = PathOf(terminal);
        PrivateFile.Replace(path, path + ".new", file => JsonSerializer.Serialize(file, this, ContextJson.Default.ContextFile));
    }

    /// <summary>Returns a saved server.</summary>
    /// <exception cref="CommandFailure">There is none with this name.</exception>
    public SavedServer Get(string name)
    {
        if (Contexts.TryGetValue(name, out SavedServer? server)) return server;
        string expected = Contexts.Count == 0 ? "one that kkv context add has saved" : $"one of {string.Join(", ", Contexts.Keys)}";
        throw CommandFailure.Usage($"There is no context \"{name}\", expected {expected}");
    }
}

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, WriteIndented = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault)]
[JsonSerializable(typeof(ContextFile))]
internal sealed partial class ContextJson : JsonSerializerContext;
