namespace KestrelKv.Benchmarks.Servers;

/// <summary>Finds programs: on the path, and where <c>dotnet tool install -g</c> puts them.</summary>
internal static class ProgramFile
{
    private static readonly string Tools =
        Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".dotnet", "tools");

    /// <param name="program">A name, or a path.</param>
    /// <returns>Its path; null where there is no such program.</returns>
    public static string? Find(string program)
    {
        string[] directories = [.. (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator), Tools];
        return Path.GetFileName(program) == program
            ? directories.Select(directory => Path.Combine(directory, program)).FirstOrDefault(File.Exists)
            : File.Exists(program) ? Path.GetFullPath(program) : null;
    }
}
