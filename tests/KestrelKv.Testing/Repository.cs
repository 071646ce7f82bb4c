namespace KestrelKv.Testing;

/// <summary>The paths of the source tree from which the tests were built.</summary>
public static class Repository
{
    /// <summary>The directory that contains KestrelKv.sln.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>The build configuration, Debug or Release: the name of the directory above that of the framework.</summary>
    public static string Configuration { get; } = new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name;

    /// <summary>The server program, built along with the tests.</summary>
    public static string ServerDll { get; } =
        Path.Combine(Root, "src", "KestrelKv.Server", "bin", Configuration, "net10.0", "KestrelKv.Server.dll");

    public static string PathTo(params string[] parts) => Path.Combine([Root, .. parts]);

    private static string FindRoot()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "KestrelKv.sln"))) folder = folder.Parent;
        return folder?.FullName ?? throw new InvalidOperationException($"No KestrelKv.sln above {AppContext.BaseDirectory}.");
    }
}
