namespace KestrelKv.Storage.Files;

/// <summary>A directory and the files directly in it. Tests replace it by a simulated disk.</summary>
/// <remarks>
/// Nothing is durable before it is synced: <see cref="IDiskFile.Sync"/> syncs the contents of a file, <see cref="SyncNames"/> the
/// directory entries of files that were created, renamed or deleted. Methods throw <see cref="DiskFullException"/> for a lack of space,
/// and <see cref="IOException"/> for any other failure.
/// </remarks>
internal interface IDisk
{
    IReadOnlyList<string> List();

    IDiskFile Open(string name);

    /// <summary>Creates an empty file. Fails if the name exists.</summary>
    IDiskFile Create(string name);

    /// <summary>Renames a file. Atomically replaces a file of the new name.</summary>
    void Rename(string from, string to);

    void Delete(string name);

    /// <summary>Syncs the directory: makes creations, renames and deletions of files durable.</summary>
    void SyncNames();

    /// <summary>An upper bound of the bytes by which files can grow; <see cref="long.MaxValue"/> if it is unknown.</summary>
    long AvailableBytes { get; }

    /// <summary>Verifies that the path still leads to the opened directory, and that no other process uses it.</summary>
    /// <exception cref="IOException">The directory was removed, moved or replaced, or another process uses it.</exception>
    void Verify();
}

/// <summary>An open file. Not thread-safe.</summary>
internal interface IDiskFile : IDisposable
{
    long Length { get; }

    /// <summary>Reads from an offset until the buffer is full or the file ends. Returns the number of bytes read.</summary>
    int Read(Span<byte> buffer, long offset);

    /// <summary>Writes all bytes at an offset, also past the end of the file. A failed write may have written a part of them.</summary>
    void Write(ReadOnlySpan<byte> bytes, long offset);

    /// <summary>Shortens the file and frees its space. The new length is not durable before a sync.</summary>
    void Truncate(long length);

    /// <summary>Makes all written data and the length durable. After a failure the contents of the disk are unknown.</summary>
    void Sync();

    /// <summary>
    /// Drops the file's data from the page cache, so that reads return the contents of the disk. After a failed sync the cache may hold
    /// data that it marks as written and that no later sync writes. Data that was never synced may still be read from the cache.
    /// </summary>
    void DropPageCache();
}
