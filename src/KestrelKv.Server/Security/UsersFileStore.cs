using System.Text;

namespace KestrelKv.Server.Security;

/// <summary>Edits a users file atomically, one editor at a time. A reader sees the old or the new file, never a part.</summary>
internal sealed class UsersFileStore : IDisposable
{
    private readonly string _path;
    private readonly FileStream _lock;

    private UsersFileStore(string path, FileStream @lock) => (_path, _lock) = (path, @lock);

    /// <summary>Locks the file for an edit. It need not exist.</summary>
    /// <exception cref="UsersFileException">The file cannot be written, or another command edits it.</exception>
    public static UsersFileStore Lock(string path)
    {
        try
        {
            // A link is edited at its target, so that it remains a link.
            var given = new FileInfo(path);
            string target = (given.Exists ? given.ResolveLinkTarget(returnFinalTarget: true)?.FullName : null) ?? given.FullName;
            // The lock file remains: another process could otherwise lock a deleted one.
            var file = new FileStream(target + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 1);
            return new(target, file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsersFileException(path, null, $"it cannot be edited now: {e.Message}");
        }
    }

    /// <summary>Returns the contents; those of a new file if it does not exist.</summary>
    public UsersFile Read() => File.Exists(_path) ? UsersFile.Read(_path) : UsersFile.Empty();

    /// <summary>Replaces the file. Its mode and owner remain; a new file is readable by its owner alone.</summary>
    public void Write(UsersFile file)
    {
        string temporary = _path + ".tmp";
        try
        {
            File.Delete(temporary);
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
                options.UnixCreateMode = File.Exists(_path) ? File.GetUnixFileMode(_path) : UnixFileMode.UserRead | UnixFileMode.UserWrite;
            using (var stream = new FileStream(temporary, options))
            {
                stream.Write(Encoding.UTF8.GetBytes(file.ToText()));
                stream.Flush(flushToDisk: true);
            }
            UnixFile.CopyOwner(_path, temporary);

            // The process's umask may have removed rights, for example the group's.
            if (!OperatingSystem.IsWindows() && File.Exists(_path)) File.SetUnixFileMode(temporary, File.GetUnixFileMode(_path));
            File.Move(temporary, _path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            File.Delete(temporary);
            throw new UsersFileException(_path, null, $"it was not changed: {e.Message}");
        }
    }

    public void Dispose() => _lock.Dispose();
}
