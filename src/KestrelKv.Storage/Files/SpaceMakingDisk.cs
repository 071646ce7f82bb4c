namespace KestrelKv.Storage.Files;

/// <summary>A disk on which space is made where there is none, as long as that is possible, before a call is told so.</summary>
/// <param name="disk">The disk.</param>
/// <param name="makeSpace">Makes some space; false where there is nothing to give up.</param>
/// <param name="reclaimableBytes">The number of bytes that <paramref name="makeSpace"/> can free in all.</param>
internal sealed class SpaceMakingDisk(IDisk disk, Func<bool> makeSpace, Func<long> reclaimableBytes) : IDisk
{
    /// <inheritdoc/>
    public long AvailableBytes
    {
        get
        {
            long available = disk.AvailableBytes;
            return available == long.MaxValue ? available : available + reclaimableBytes();
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> List() => disk.List();

    /// <inheritdoc/>
    public IDiskFile Open(string name) => new SpaceMakingFile(this, disk.Open(name));

    /// <inheritdoc/>
    public IDiskFile Create(string name)
    {
        while (true)
        {
            try
            {
                return new SpaceMakingFile(this, disk.Create(name));
            }
            catch (DiskFullException e)
            {
                if (!TryMakeSpace(e)) throw;
            }
        }
    }

    /// <inheritdoc/>
    public void Rename(string from, string to) => disk.Rename(from, to);

    /// <inheritdoc/>
    public void Delete(string name) => disk.Delete(name);

    /// <inheritdoc/>
    public void SyncNames() => disk.SyncNames();

    /// <inheritdoc/>
    public void Verify() => disk.Verify();

    private bool TryMakeSpace(DiskFullException e) => e.IsForLackOfSpace && makeSpace();

    private sealed class SpaceMakingFile(SpaceMakingDisk disk, IDiskFile file) : IDiskFile
    {
        public long Length => file.Length;

        public int Read(Span<byte> buffer, long offset) => file.Read(buffer, offset);

        public void Write(ReadOnlySpan<byte> bytes, long offset)
        {
            while (true)
            {
                try
                {
                    file.Write(bytes, offset);
                    return;
                }
                catch (DiskFullException e)
                {
                    // Once more, at the same place: some of it may have been written.
                    if (!disk.TryMakeSpace(e)) throw;
                }
            }
        }

        public void Truncate(long length) => file.Truncate(length);

        public void Sync() => file.Sync();

        public void ReadFromDisk() => file.ReadFromDisk();

        public void Dispose() => file.Dispose();
    }
}
