namespace KestrelKv.Cli.Shell.Editing;

/// <summary>The commands of this and earlier shells, each once, the last one at the end. Commands with secrets are not kept.</summary>
/// <param name="path">The file, which only the user may read; null to keep the history in memory.</param>
internal sealed class History(string? path)
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
    /// Returns whether a command may contain a secret: commands on users and contexts, connection strings with a user, secrets by name, and commands
    /// that begin with a space.
    /// </summary>
    public static bool HasSecret(string line)
    {
        string[] words = line.Split((char[]?)null, 2, StringSplitOptions.RemoveEmptyEntries);
        return line.StartsWith(' ') || words is ["user" or "context", ..] ||
            line.Contains("://", StringComparison.Ordinal) && line.Contains('@', StringComparison.Ordinal) ||
            line.Contains("secret", StringComparison.OrdinalIgnoreCase) ||
            words is ["call", var rest] && rest.StartsWith("AUTH", StringComparison.Ordinal);
    }

    private void Save(string file)
    {
        string full = Path.GetFullPath(file), next = $"{full}.{Environment.ProcessId}";
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        File.Delete(next); // A file that exists would keep its mode.
        using (var writer = new StreamWriter(new FileStream(next, options)))
        {
            foreach (string line in _lines) writer.WriteLine(Escape(line));
        }
        File.Move(next, full, overwrite: true);
    }

    private static string Escape(string line) => line.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);

    private static string Unescape(string line) =>
        string.Join('\\', line.Split("\\\\").Select(part => part.Replace("\\n", "\n", StringComparison.Ordinal)));
}
