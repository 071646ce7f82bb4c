namespace KestrelKv.Cli.Hosting;

/// <summary>A file that only the user may read.</summary>
internal static class PrivateFile
{
    /// <summary>Replaces a file as a whole. If that fails, the file is unchanged, and no other one is left.</summary>
    /// <param name="path">The path. Its directory is created.</param>
    /// <param name="next">The path of the next contents, in the same directory.</param>
    /// <param name="write">Writes the contents.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Replace(string path, string next, Action<Stream> write)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        File.Delete(next); // A file that exists would keep its mode.
        try
        {
            using (var file = new FileStream(next, options)) write(file);
            File.Move(next, path, overwrite: true);
        }
        catch
        {
            File.Delete(next); // On a full disk, it is empty.
            throw;
        }
    }
}
