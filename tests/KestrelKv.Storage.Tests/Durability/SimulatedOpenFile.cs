using KestrelKv.Storage.Files;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>An open file of a simulated disk. It remains the same file when its name is changed or deleted.</summary>
internal sealed class SimulatedOpenFile(SimulatedDisk disk, SimulatedFile file) : IDiskFile
{
    private bool _closed;

    public long Length => disk.LengthOf(Checked);

    private SimulatedFile Checked
    {
        get
        {
            ObjectDisposedException.ThrowIf(_closed, this);
            return file;
        }
    }

    public int Read(Span<byte> buffer, long offset) => disk.Read(Checked, buffer, offset);

    public void Write(ReadOnlySpan<byte> bytes, long offset) => disk.Write(Checked, bytes, offset);

    public void Truncate(long length) => disk.Truncate(Checked, length);

    public void Sync() => disk.Sync(Checked);

    public void DropPageCache() => disk.DropPageCache(Checked);

    /// <summary>Syncs nothing and never fails, because it is also called after the process has died.</summary>
    public void Dispose() => _closed = true;
}
