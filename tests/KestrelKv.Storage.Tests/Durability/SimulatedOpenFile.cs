using KestrelKv.Storage.Files;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>A file of a simulated disk that somebody has open; it stays what it is when its name changes or goes.</summary>
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

    public void ReadFromDisk() => disk.ReadFromDisk(Checked);

    /// <summary>Nothing is synced by it, and it never fails: it is called when the process has died, too.</summary>
    public void Dispose() => _closed = true;
}
