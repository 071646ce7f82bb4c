namespace KestrelKv.Benchmarks.Servers;

/// <summary>Finds programs on the path and in the directory of <c>dotnet tool install -g</c>.</summary>
internal static class ProgramFile
{
    private static readonly string Tools =
        Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".dotnet", "tools");

    /// <returns>The path of the program; null if it does not exist.</returns>
    public static string? Find(string program)
    {
        string[] directories = [.. (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator), Tools];
        return Path.GetFileName(program) == program
            ? directories.Select(directory => Path.Combine(directory, program)).FirstOrDefault(File.Exists)
            : File.Exists(program) ? Path.GetFullPath(program) : null;
    }
}
