using System.Text.RegularExpressions;
using KestrelKv.Cli.Hosting;

namespace KestrelKv.Cli.Shell.Editing;

/// <summary>The commands of this and earlier shells, each once, the last one at the end. Commands with secrets are not kept.</summary>
/// <param name="path">The file, which only the user may read; null to keep the history in memory.</param>
internal sealed partial class History(string? path)
{
    private const int LinesMax = 1_000;

    private List<string> _lines = [];

    public IReadOnlyList<string> Lines => _lines;

    /// <summary>Reads the file, if it exists.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public void Load()
    {
        if (path is not null && File.Exists(path)) _lines = [.. File.ReadAllLines(path).Select(Unescape)];
    }

    /// <summary>Adds a command, after those that other shells have added meanwhile, and replaces the file.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void Add(string line)
    {
        if (string.IsNullOrWhiteSpace(line) || HasSecret(line)) return;
        if (path is not null && File.Exists(path)) Load();
        _lines.RemoveAll(each => each == line);
        _lines.Add(line);
        if (_lines.Count > LinesMax) _lines.RemoveRange(0, _lines.Count - LinesMax);
        if (path is not null) Save(path);
    }

    /// <summary>
    /// Returns whether a command may contain a secret: commands on users and contexts, connection strings with a user, names of secrets such as
    /// password or token, also in keys, and commands that begin with a space.
    /// </summary>
    public static bool HasSecret(string line)
    {
        string[] words = line.Split((char[]?)null, 2, StringSplitOptions.RemoveEmptyEntries);
        return line.StartsWith(' ') || words is ["user" or "context", ..] ||
            line.Contains("://", StringComparison.Ordinal) && line.Contains('@', StringComparison.Ordinal) ||
            SecretName().IsMatch(line) ||
            words is ["call", var rest] && rest.StartsWith("AUTH", StringComparison.Ordinal);
    }

    private void Save(string file)
    {
        string full = Path.GetFullPath(file);
        PrivateFile.Replace(full, $"{full}.{Environment.ProcessId}", stream =>
        {
            using var writer = new StreamWriter(stream);
            foreach (string line in _lines) writer.WriteLine(Escape(line));
        });
    }

    private static string Escape(string line) => line.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);

    private static string Unescape(string line) =>
        string.Join('\\', line.Split("\\\\").Select(part => part.Replace("\\n", "\n", StringComparison.Ordinal)));

    [GeneratedRegex("secret|password|passwd|token|credential|api[-_. ]?key", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex SecretName();
}
