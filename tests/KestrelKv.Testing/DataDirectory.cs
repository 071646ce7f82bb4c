namespace KestrelKv.Testing;

/// <summary>A data directory for servers, one after the other; deleted when disposed of.</summary>
public sealed class DataDirectory : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kestrelkv-data-");

    /// <summary>Where it is.</summary>
    public string FullPath => _folder.FullName;

    /// <summary>The files in it and in the directories in it, as paths from it, in the order of their names.</summary>
    public string[] Files =>
        [.. Directory.GetFiles(FullPath, "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(FullPath, file)).Order(StringComparer.Ordinal)];

    /// <summary>The path of a file in it.</summary>
    public string PathTo(string file) => Path.Combine(FullPath, file);

    /// <inheritdoc/>
    public void Dispose() => _folder.Delete(recursive: true);
}
