namespace KestrelKv.Testing;

/// <summary>A temporary data directory for consecutive servers. Disposing deletes it.</summary>
public sealed class DataDirectory : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kestrelkv-data-");

    public string FullPath => _folder.FullName;

    /// <summary>The relative paths of all files in the directory and its subdirectories, in ordinal order.</summary>
    public string[] Files =>
        [.. Directory.GetFiles(FullPath, "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(FullPath, file)).Order(StringComparer.Ordinal)];

    public string PathTo(string file) => Path.Combine(FullPath, file);

    public void Dispose() => _folder.Delete(recursive: true);
}
