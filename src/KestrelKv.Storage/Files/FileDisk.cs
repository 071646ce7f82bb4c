using Microsoft.Win32.SafeHandles;

namespace KestrelKv.Storage.Files;

/// <summary>A directory of the real disk, locked against other processes.</summary>
internal sealed class FileDisk : IDisk, IDisposable
{
    private const string LockName = "lock";
    private const int HolderReadsMax = 10;
    private static readonly TimeSpan HolderReadDelay = TimeSpan.FromMilliseconds(20);

    private readonly string _path;

    /// <summary>Always open, so that a sync does not fail because connections have used all file descriptors.</summary>
    private readonly SafeFileHandle? _directory;
    private readonly FileIdentity? _identity;
    private SafeFileHandle? _lock;
    private FileIdentity? _lockIdentity;

    /// <summary>Opens a directory and locks it. Creates it if it does not exist.</summary>
    /// <exception cref="DataException">
    /// The directory cannot be used, or another process has locked it. The message names that process.
    /// </exception>
    public FileDisk(string path)
    {
        _path = Path.GetFullPath(path);
        try
        {
            Libc.IgnoreFileSizeSignal();
            if (!Directory.Exists(_path)) CreateDirectory(_path);
            _directory = Libc.OpenDirectory(_path);

            // The directory is locked as well: if the lock file is deleted, another server could lock a new one of the same name.
            if (!Libc.TryLock(_directory)) throw InUse(ReadHolder());
            _lock = AcquireLock();
            _lockIdentity = FileIdentity.Of(PathOf(LockName));
            _identity = FileIdentity.Of(_path);
        }
        catch (DataException)
        {
            Dispose();
            throw;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Dispose();
            throw new DataException($"the data directory {_path} cannot be used: {e.Message}", e);
        }
    }

    public void Dispose()
    {
        _directory?.Dispose();
        _lock?.Dispose();
    }

    public long AvailableBytes
    {
        get
        {
            try
            {
                var drive = new DriveInfo(OperatingSystem.IsWindows() ? Path.GetPathRoot(_path)! : _path);

                // Some network and user-space file systems do not report their size.
                return drive.TotalSize > 0 ? drive.AvailableFreeSpace : long.MaxValue;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
            {
                return long.MaxValue;
            }
        }
    }

    public void Verify()
    {
        if (!Directory.Exists(_path)) throw new IOException($"the data directory {_path} (Data:Directory) no longer exists");
        if (_identity is not null && FileIdentity.Of(_path) is { } found && found != _identity)
            throw new IOException($"the data directory {_path} (Data:Directory) was moved or replaced since the start");
        string path = PathOf(LockName);
        if (_lockIdentity is not null && (FileIdentity.Of(path) is { } now ? now != _lockIdentity : !File.Exists(path))) ReacquireLock();
    }

    public IReadOnlyList<string> List() => Run(() => Directory.GetFiles(_path).Select(file => Path.GetFileName(file)!).ToArray());

    public IDiskFile Open(string name) => Open(name, FileMode.Open);

    public IDiskFile Create(string name) => Open(name, FileMode.CreateNew);

    public void Rename(string from, string to) => Run(() => File.Move(PathOf(from), PathOf(to), overwrite: true));

    public void Delete(string name) => Run(() => File.Delete(PathOf(name)));

    public void SyncNames() => Libc.SyncDirectory(_directory, _path);

    public string PathOf(string name) => Path.Combine(_path, name);

    /// <summary>Moves a file to a subdirectory, which is created if it does not exist.</summary>
    public void MoveTo(string directory, string name)
    {
        Run(() =>
        {
            Directory.CreateDirectory(PathOf(directory));
            File.Move(PathOf(name), Path.Combine(PathOf(directory), name));
        });
        Libc.SyncDirectory(PathOf(directory));
    }

    /// <summary>Opens a file for reading. It may be outside of the data directory.</summary>
    /// <exception cref="DataException">The file cannot be opened.</exception>
    public static IDiskFile OpenOutside(string path)
    {
        try
        {
            return new FileOnDisk(File.OpenHandle(path), path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataException(e.Message, e);
        }
    }

    /// <summary>
    /// Creates a file in the temporary directory of the system. It ends with the returned stream, also if the process is killed. Only the
    /// owner may read it.
    /// </summary>
    /// <exception cref="IOException">The file cannot be created.</exception>
    public static FileStream CreateTemporary() => Run(() =>
    {
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite, Share = FileShare.Delete, BufferSize = 0,
            Options = FileOptions.Asynchronous | FileOptions.DeleteOnClose,
        };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        var file = new FileStream(Path.Combine(Path.GetTempPath(), $"kestrelkv-{Guid.NewGuid():N}{FileNames.Unfinished}"), options);

        // Windows deletes the file when the process ends. Other systems keep a file without a name until then.
        if (!OperatingSystem.IsWindows()) File.Delete(file.Name);
        return file;
    });

    /// <summary>Accesses a file that is also a stream. The stream owns the file.</summary>
    public static IDiskFile Of(FileStream stream) => new FileOnDisk(stream.SafeFileHandle, stream.Name);

    /// <summary>Runs a file operation and translates its exceptions to those that <see cref="IDisk"/> specifies.</summary>
    internal static T Run<T>(Func<T> action)
    {
        try
        {
            return action();
        }
        catch (IOException e) when (DiskFullException.Is(e))
        {
            throw DiskFullException.Of(e);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException(e.Message, e);
        }
    }

    internal static void Run(Action action) => Run(() =>
    {
        action();
        return true;
    });

    private FileOnDisk Open(string name, FileMode mode) => Run(() =>
    {
        SafeFileHandle file = File.OpenHandle(PathOf(name), mode, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);

        // Only the owner may read the files, even if the directory is open to others.
        if (mode == FileMode.CreateNew && !OperatingSystem.IsWindows()) TrySetMode(file);

        // Messages name the file by its final name.
        return new FileOnDisk(
            file, PathOf(name.EndsWith(FileNames.Unfinished, StringComparison.Ordinal) ? name[..^FileNames.Unfinished.Length] : name));
    });

    [System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
    private static void TrySetMode(SafeFileHandle file)
    {
        try
        {
            File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Some file systems do not support file modes.
        }
    }

    private static void CreateDirectory(string path)
    {
        string? parent = Path.GetDirectoryName(path);
        if (parent is not null && !Directory.Exists(parent)) CreateDirectory(parent);
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(path);
        else Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        if (parent is not null) Libc.SyncDirectory(parent);
    }

    private SafeFileHandle AcquireLock()
    {
        string path = PathOf(LockName);
        if (!OperatingSystem.IsLinux()) return File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);

        (SafeFileHandle file, bool isLocked) = Libc.OpenLocked(path);
        if (isLocked)
        {
            WriteHolder(file);
            return file;
        }

        using (file) throw InUse(ReadHolder(file));
    }

    /// <summary>
    /// Locks the current lock file after the previous one was deleted or replaced. Fails if another process has locked it.
    /// </summary>
    private void ReacquireLock()
    {
        SafeFileHandle file;
        try
        {
            file = Run(AcquireLock);
        }
        catch (DataException e)
        {
            throw new IOException($"{PathOf(LockName)} was replaced: {e.Message}", e);
        }
        _lock?.Dispose();
        _lock = file;
        _lockIdentity = FileIdentity.Of(PathOf(LockName));
    }

    private DataException InUse(string holder) =>
        new($"the data directory {_path} is in use by {(holder.Length > 0 ? holder : "another process")}");

    /// <summary>Returns the description of the process that holds the lock; empty if it cannot be read.</summary>
    private string ReadHolder()
    {
        using SafeFileHandle? file = Libc.OpenUnlocked(PathOf(LockName));
        return file is null ? "" : ReadHolder(file);
    }

    private static string ReadHolder(SafeFileHandle file)
    {
        // A process writes its description shortly after it takes the lock.
        Span<byte> text = stackalloc byte[256];
        string holder = "";
        for (int i = 0; i < HolderReadsMax && holder.Length == 0; i++)
        {
            if (i > 0) Thread.Sleep(HolderReadDelay);
            holder = System.Text.Encoding.UTF8.GetString(text[..RandomAccess.Read(file, text, 0)]);
        }
        return holder;
    }

    private static void WriteHolder(SafeFileHandle file)
    {
        try
        {
            RandomAccess.SetLength(file, 0);
            RandomAccess.Write(
                file, System.Text.Encoding.UTF8.GetBytes($"process {Environment.ProcessId} on {Environment.MachineName}"), 0);
        }
        catch (IOException)
        {
            // The description is for messages only. A full disk must not prevent the start.
        }
    }

    private sealed class FileOnDisk(SafeFileHandle file, string path) : IDiskFile
    {
        public long Length => RandomAccess.GetLength(file);

        public int Read(Span<byte> buffer, long offset)
        {
            int total = 0;
            for (int read; total < buffer.Length && (read = RandomAccess.Read(file, buffer[total..], offset + total)) > 0;) total += read;
            return total;
        }

        public void Write(ReadOnlySpan<byte> bytes, long offset)
        {
            try
            {
                RandomAccess.Write(file, bytes, offset);
            }
            catch (IOException e) when (DiskFullException.Is(e))
            {
                throw DiskFullException.Of(e);
            }
            catch (ArgumentOutOfRangeException e)
            {
                // EFBIG: the base class library reports it as an invalid argument.
                throw DiskFullException.OfFileSize(path, e);
            }
            catch (UnauthorizedAccessException e)
            {
                throw new IOException(e.Message, e);
            }
        }

        public void Truncate(long length) => Run(() => RandomAccess.SetLength(file, length));

        public void Sync() => Libc.SyncData(file, path);

        public void DropPageCache() => Libc.DropPageCache(file);

        public void Dispose() => file.Dispose();
    }
}
