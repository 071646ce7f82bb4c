namespace KestrelKv.Benchmarks.Servers;

/// <summary>A directory that is deleted, with all in it, as it is disposed of.</summary>
internal sealed class TemporaryDirectory : IDisposable
{
    public TemporaryDirectory(string parent)
    {
        Path = System.IO.Path.Combine(parent, $"kestrelkv-{Guid.NewGuid():N}");
        Directory.CreateDirectory(Path);
    }

    public string Path { get; }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
