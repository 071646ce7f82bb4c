namespace KestrelKv.Testing;

/// <summary>Where the sources are that this was built from.</summary>
public static class Repository
{
    /// <summary>The folder with KestrelKv.sln.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>What this was built as, Debug or Release: the folder above that of the framework.</summary>
    public static string Configuration { get; } = new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name;

    /// <summary>The server's program, built along with the tests.</summary>
    public static string ServerDll { get; } =
        Path.Combine(Root, "src", "KestrelKv.Server", "bin", Configuration, "net10.0", "KestrelKv.Server.dll");

    /// <summary>A file of the repository.</summary>
    public static string PathTo(params string[] parts) => Path.Combine([Root, .. parts]);

    private static string FindRoot()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "KestrelKv.sln"))) folder = folder.Parent;
        return folder?.FullName ?? throw new InvalidOperationException($"No KestrelKv.sln above {AppContext.BaseDirectory}.");
    }
}
