using KestrelKv.Storage.Commits;
using KestrelKv.Storage.Files;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>As if nobody had thought of syncing names.</summary>
internal sealed class DiskWithoutSyncOfNames(IDisk disk) : DiskWrapper(disk)
{
    public override void SyncNames()
    {
    }
}

/// <summary>As if replies went out before the sync: of all files, or of those with an ending.</summary>
internal sealed class DiskWithoutSyncOfContents(IDisk disk, string ending = "") : DiskWrapper(disk)
{
    protected override IDiskFile Wrap(string name, IDiskFile file) =>
        name.Contains(ending, StringComparison.Ordinal) ? new UnsyncedFile(file) : file;

    private sealed class UnsyncedFile(IDiskFile file) : FileWrapper(file)
    {
        public override void Sync()
        {
        }
    }
}

/// <summary>As if the log were read without a check: whatever looks like a frame has the right checksum, and the right chain.</summary>
internal sealed class DiskWithoutChecksums(IDisk disk) : DiskWrapper(disk)
{
    protected override IDiskFile Wrap(string name, IDiskFile file) =>
        name.Contains(".log", StringComparison.Ordinal) ? new BelievedFile(file) : file;

    private sealed class BelievedFile(IDiskFile file) : FileWrapper(file)
    {
        private readonly IDiskFile _file = file;

        public override int Read(Span<byte> buffer, long offset)
        {
            byte[] contents = new byte[_file.Length];
            _file.Read(contents, 0);
            SealAll(contents);
            int count = (int)Math.Clamp(contents.Length - offset, 0, buffer.Length);
            contents.AsSpan((int)Math.Min(offset, contents.Length), count).CopyTo(buffer);
            return count;
        }

        private static void SealAll(Span<byte> contents)
        {
            if (contents.Length < FileHeader.Bytes) return;
            uint seed = BitConverter.ToUInt32(contents[(FileHeader.Bytes - sizeof(uint))..FileHeader.Bytes]), previous = seed;
            for (Span<byte> rest = contents[FileHeader.Bytes..]; rest.Length >= Frame.HeaderBytes;)
            {
                FrameHeader header = Frame.ReadHeader(rest);
                if (header.IsZero || !header.IsPlausible || header.FrameBytes > rest.Length) return;
                previous = Frame.Seal(rest[..header.FrameBytes], seed, previous);
                rest = rest[header.FrameBytes..];
            }
        }
    }
}
