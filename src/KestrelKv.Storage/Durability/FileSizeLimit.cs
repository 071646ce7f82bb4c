namespace KestrelKv.Storage.Durability;

/// <summary>The process' limit of file sizes (<c>ulimit -f</c>), which a segment of the log must not meet.</summary>
internal static class FileSizeLimit
{
    /// <exception cref="DataException">No segment of the usual length can be written.</exception>
    public static void Check(DataOptions options)
    {
        if (Libc.FileBytesMax() is var limit && limit < options.SegmentBytes)
            throw new DataException($"the process can't write files of more than {limit} bytes (ulimit -f), expected no limit, or at least Data:SegmentBytes, which is {options.SegmentBytes}");
    }
}
