using KestrelKv.Cli.Hosting;

namespace KestrelKv.Cli.Transfer;

/// <summary>Opens files that one process writes at a time.</summary>
internal static class ExclusiveFile
{
    // EWOULDBLOCK of Linux and of macOS, and ERROR_SHARING_VIOLATION of Windows.
    private static readonly int[] InUse = [11, 35, unchecked((int)0x80070020)];

    /// <summary>Opens a file and locks it, without a buffer. An existing file is cut only after it is locked.</summary>
    /// <param name="path">The path.</param>
    /// <param name="mode">The mode.</param>
    /// <param name="user">The subject that may have locked the file, such as <c>export</c>.</param>
    /// <exception cref="CommandFailure">Another process has locked the file, which remains unchanged.</exception>
    public static FileStream Open(string path, FileMode mode, string user)
    {
        try
        {
            // On Unix, only FileShare.None excludes other writers.
            return new(path, mode, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
        }
        catch (IOException e) when (InUse.Contains(e.HResult))
        {
            throw CommandFailure.Failed("file_in_use", $"Another {user} writes to {path}. Wait for its end, or choose another file");
        }
    }

    /// <summary>Deletes a file unless another process has locked it.</summary>
    public static void TryDelete(string path)
    {
        try
        {
            new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None, bufferSize: 1, FileOptions.DeleteOnClose).Dispose();
        }
        catch (FileNotFoundException)
        {
            // The file was not created, or has its name.
        }
        catch (IOException e) when (InUse.Contains(e.HResult))
        {
            // The other process deletes its file.
        }
    }
}
