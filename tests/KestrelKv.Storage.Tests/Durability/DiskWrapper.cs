using KestrelKv.Storage.Files;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>A disk that forwards all calls. The base class of faulty disks.</summary>
internal abstract class DiskWrapper(IDisk disk) : IDisk
{
    public IReadOnlyList<string> List() => disk.List();

    public IDiskFile Open(string name) => Wrap(name, disk.Open(name));

    public IDiskFile Create(string name) => Wrap(name, disk.Create(name));

    public void Rename(string from, string to) => disk.Rename(from, to);

    public void Delete(string name) => disk.Delete(name);

    public virtual void SyncNames() => disk.SyncNames();

    public virtual long AvailableBytes => disk.AvailableBytes;

    public virtual void Verify() => disk.Verify();

    protected virtual IDiskFile Wrap(string name, IDiskFile file) => file;

    protected abstract class FileWrapper(IDiskFile file) : IDiskFile
    {
        public long Length => file.Length;

        public virtual int Read(Span<byte> buffer, long offset) => file.Read(buffer, offset);

        public virtual void Write(ReadOnlySpan<byte> bytes, long offset) => file.Write(bytes, offset);

        public virtual void Truncate(long length) => file.Truncate(length);

        public virtual void Sync() => file.Sync();

        public void DropPageCache() => file.DropPageCache();

        public void Dispose() => file.Dispose();
    }
}
