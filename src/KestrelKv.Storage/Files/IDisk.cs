namespace KestrelKv.Storage.Files;

/// <summary>
/// The one way to files: a directory, and the files right in it. So tests can run all that reads and writes files on a
/// simulated disk.
/// </summary>
/// <remarks>
/// As on a real one, nothing is safe before it is synced: contents by <see cref="IDiskFile.Sync"/>, names (of files
/// created, renamed or deleted) by <see cref="SyncNames"/>. Calls throw <see cref="DiskFullException"/> where there is no
/// space, and <see cref="IOException"/> for any other failure.
/// </remarks>
internal interface IDisk
{
    /// <summary>The names of all files.</summary>
    IReadOnlyList<string> List();

    /// <summary>Opens a file that is there.</summary>
    IDiskFile Open(string name);

    /// <summary>Creates an empty file; one of that name must not be there.</summary>
    IDiskFile Create(string name);

    /// <summary>Gives a file another name. One that has it already is replaced, in one step.</summary>
    void Rename(string from, string to);

    /// <summary>Deletes a file.</summary>
    void Delete(string name);

    /// <summary>Makes creations, renames and deletions durable.</summary>
    void SyncNames();

    /// <summary>
    /// The number of bytes that files can grow by, at most; <see cref="long.MaxValue"/> where it is not known. Fewer may fit.
    /// </summary>
    long AvailableBytes { get; }

    /// <summary>Verifies that the directory is still the one that was opened, and that no other process uses it.</summary>
    /// <exception cref="IOException">The directory was removed, moved or replaced, or another process uses it.</exception>
    void Verify();
}

/// <summary>An open file. Not for use by two threads at once.</summary>
internal interface IDiskFile : IDisposable
{
    /// <summary>Bytes from its beginning to its end.</summary>
    long Length { get; }

    /// <summary>Reads from an offset on until the buffer is full or the file ends.</summary>
    /// <returns>How many bytes were read.</returns>
    int Read(Span<byte> buffer, long offset);

    /// <summary>Writes all bytes at an offset, past the end of the file too. Where it fails, some may be written.</summary>
    void Write(ReadOnlySpan<byte> bytes, long offset);

    /// <summary>Makes the file shorter, which frees its space. The new length is not durable yet.</summary>
    void Truncate(long length);

    /// <summary>Makes all that was written, and the length, durable. After a failure nothing is known of what is.</summary>
    void Sync();

    /// <summary>
    /// Has reads tell what is on disk, and not what the system remembers of writes whose sync has failed: these it takes
    /// for written, and no later sync writes them. What nobody has tried to sync may still be read.
    /// </summary>
    void ReadFromDisk();
}
