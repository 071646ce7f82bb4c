using KestrelKv.Storage.Commits;
using KestrelKv.Storage.Files;

namespace KestrelKv.Storage.Durability;

/// <summary>Finds the versions in the files of a directory.</summary>
internal static class KnownVersions
{
    /// <summary>Returns the greatest version in any file; 0 if there is none.</summary>
    /// <remarks>The files are about to be replaced, so a damaged, foreign or unreadable file is skipped.</remarks>
    public static long Greatest(IDisk disk)
    {
        long greatest = 0;
        foreach (string name in disk.List())
        {
            try
            {
                if (name.EndsWith(FileNames.SnapshotEnding, StringComparison.Ordinal))
                    greatest = Math.Max(greatest, FileNames.Snapshots([name])[0]);
                if (name.EndsWith(FileNames.SegmentEnding, StringComparison.Ordinal)) greatest = Math.Max(greatest, GreatestIn(disk, name));
            }
            catch (Exception e) when (e is IOException or DataException)
            {
                // Only the clock then keeps new versions above those in this file.
            }
        }
        return greatest;
    }

    private static long GreatestIn(IDisk disk, string name)
    {
        using IDiskFile file = disk.Open(name);
        Span<byte> header = stackalloc byte[FileHeader.Bytes];
        if (file.Read(header, 0) < header.Length) return 0;
        var scanner = new LogScanner(file, FileHeader.ReadDamaged(header, name).Seed);
        long greatest = 0;
        while (true)
        {
            Scan scan = scanner.Next(out LogRecordHeader logRecord, out _);
            if (scan == Scan.LogRecord && logRecord.Kind is LogRecordKind.Commit or LogRecordKind.VersionJump)
                greatest = Math.Max(greatest, logRecord.Number);
            if (scan == Scan.LogRecord) continue;
            if ((scan == Scan.End && scanner.HasOnlyZerosLeft()) || !scanner.SkipToNextRecord()) return greatest;
        }
    }
}
