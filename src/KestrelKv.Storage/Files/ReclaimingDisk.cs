namespace KestrelKv.Storage.Files;

/// <summary>
/// A disk that reclaims space and retries before it reports a lack of space. <paramref name="reclaim"/> frees some space, and returns
/// false if there is nothing to free.
/// </summary>
internal sealed class ReclaimingDisk(IDisk disk, Func<bool> reclaim, Func<long> reclaimableBytes) : IDisk
{
    public long AvailableBytes
    {
        get
        {
            long available = disk.AvailableBytes;
            return available == long.MaxValue ? available : available + reclaimableBytes();
        }
    }

    public IReadOnlyList<string> List() => disk.List();

    public IDiskFile Open(string name) => new ReclaimingFile(this, disk.Open(name));

    public IDiskFile Create(string name)
    {
        while (true)
        {
            try
            {
                return new ReclaimingFile(this, disk.Create(name));
            }
            catch (DiskFullException e)
            {
                if (!TryReclaim(e)) throw;
            }
        }
    }

    public void Rename(string from, string to) => disk.Rename(from, to);

    public void Delete(string name) => disk.Delete(name);

    public void SyncNames() => disk.SyncNames();

    public void Verify() => disk.Verify();

    private bool TryReclaim(DiskFullException e) => e.IsOutOfSpace && reclaim();

    private sealed class ReclaimingFile(ReclaimingDisk disk, IDiskFile file) : IDiskFile
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
                    // Retries at the same offset: a part may have been written.
                    if (!disk.TryReclaim(e)) throw;
                }
            }
        }

        public void Truncate(long length) => file.Truncate(length);

        public void Sync() => file.Sync();

        public void DropPageCache() => file.DropPageCache();

        public void Dispose() => file.Dispose();
    }
}
