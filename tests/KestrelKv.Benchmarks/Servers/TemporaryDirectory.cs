namespace KestrelKv.Benchmarks.Servers;

/// <summary>A directory. Disposal deletes it with its contents.</summary>
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
