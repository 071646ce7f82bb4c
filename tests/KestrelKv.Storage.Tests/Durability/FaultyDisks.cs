using KestrelKv.Storage.Commits;
using KestrelKv.Storage.Files;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>Simulates a program that never syncs the directory.</summary>
internal sealed class DiskWithoutSyncOfNames(IDisk disk) : DiskWrapper(disk)
{
    public override void SyncNames()
    {
    }
}

/// <summary>Simulates a program that replies before the sync: for all files, or for those whose names contain a text.</summary>
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

/// <summary>
/// Simulates a program that reads the log without validation: every plausible log record has the right checksum and chain.
/// </summary>
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
            for (Span<byte> rest = contents[FileHeader.Bytes..]; rest.Length >= LogRecord.HeaderBytes;)
            {
                LogRecordHeader header = LogRecord.ReadHeader(rest);
                if (header.IsZero || !header.IsPlausible || header.LogRecordBytes > rest.Length) return;
                previous = LogRecord.Seal(rest[..header.LogRecordBytes], seed, previous);
                rest = rest[header.LogRecordBytes..];
            }
        }
    }
}
