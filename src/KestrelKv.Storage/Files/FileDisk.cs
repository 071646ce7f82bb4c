using Microsoft.Win32.SafeHandles;

namespace KestrelKv.Storage.Files;

/// <summary>A directory of the real disk, locked against other processes.</summary>
internal sealed class FileDisk : IDisk, IDisposable
{
    private const string LockName = "lock";
    private const int HolderReads = 10;
    private static readonly TimeSpan HolderWait = TimeSpan.FromMilliseconds(20);

    private readonly string _path;

    /// <summary>Open all the while: a sync must not fail because connections have taken all that can be opened.</summary>
    private readonly SafeFileHandle? _directory;
    private readonly FileIdentity? _identity;
    private SafeFileHandle? _lock;
    private FileIdentity? _lockIdentity;

    /// <summary>Opens a directory; one that is not there is created.</summary>
    /// <exception cref="DataException">It can't be, or another process has it open: the message tells which.</exception>
    public FileDisk(string path)
    {
        _path = Path.GetFullPath(path);
        try
        {
            Libc.IgnoreFileSizeSignal();
            if (!Directory.Exists(_path)) CreateDirectory(_path);
            _directory = Libc.OpenDirectory(_path);

            // The directory, too: a file can be deleted, and another server would lock a new one of that name.
            if (!Libc.TryLock(_directory)) throw InUse(ReadHolder());
            _lock = TakeLock();
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
            throw new DataException($"the data directory {_path} can't be used: {e.Message}", e);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _directory?.Dispose();
        _lock?.Dispose();
    }

    /// <inheritdoc/>
    public long AvailableBytes
    {
        get
        {
            try
            {
                var drive = new DriveInfo(OperatingSystem.IsWindows() ? Path.GetPathRoot(_path)! : _path);

                // Some network and user-space file systems do not know their size.
                return drive.TotalSize > 0 ? drive.AvailableFreeSpace : long.MaxValue;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
            {
                return long.MaxValue;
            }
        }
    }

    /// <inheritdoc/>
    public void Verify()
    {
        if (!Directory.Exists(_path)) throw new IOException($"the data directory {_path} is not there any more (Data:Directory)");
        if (_identity is not null && FileIdentity.Of(_path) is { } found && found != _identity)
            throw new IOException($"the data directory {_path} is another one than at the start: it was moved or replaced (Data:Directory)");
        string path = PathOf(LockName);
        if (_lockIdentity is not null && (FileIdentity.Of(path) is { } now ? now != _lockIdentity : !File.Exists(path))) RetakeLock();
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> List() => Run(() => Directory.GetFiles(_path).Select(file => Path.GetFileName(file)!).ToArray());

    /// <inheritdoc/>
    public IDiskFile Open(string name) => Open(name, FileMode.Open);

    /// <inheritdoc/>
    public IDiskFile Create(string name) => Open(name, FileMode.CreateNew);

    /// <inheritdoc/>
    public void Rename(string from, string to) => Run(() => File.Move(PathOf(from), PathOf(to), overwrite: true));

    /// <inheritdoc/>
    public void Delete(string name) => Run(() => File.Delete(PathOf(name)));

    /// <inheritdoc/>
    public void SyncNames() => Libc.SyncDirectory(_directory, _path);

    /// <summary>Where a file is.</summary>
    public string PathOf(string name) => Path.Combine(_path, name);

    /// <summary>Moves a file to a directory in this one, which is created where it is not there.</summary>
    public void MoveTo(string directory, string name)
    {
        Run(() =>
        {
            Directory.CreateDirectory(PathOf(directory));
            File.Move(PathOf(name), Path.Combine(PathOf(directory), name));
        });
        Libc.SyncDirectory(PathOf(directory));
    }

    /// <summary>Opens a file that need not be in a data directory, for reading.</summary>
    /// <exception cref="DataException">It can't be opened.</exception>
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

    /// <summary>Does something with files, and tells of failures as the seam does.</summary>
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

        // Nobody else's to read, even where the directory is.
        if (mode == FileMode.CreateNew && !OperatingSystem.IsWindows()) TrySetMode(file);

        // By the name that it is to have in the end, for messages.
        return new FileOnDisk(file, PathOf(name.EndsWith(FileNames.Unfinished, StringComparison.Ordinal) ? name[..^FileNames.Unfinished.Length] : name));
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
            // Some file systems have no such modes.
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

    private SafeFileHandle TakeLock()
    {
        string path = PathOf(LockName);
        if (!OperatingSystem.IsLinux()) return File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);

        (SafeFileHandle file, bool isLocked) = Libc.OpenLocked(path);
        if (isLocked)
        {
            TellHolder(file);
            return file;
        }

        using (file) throw InUse(ReadHolder(file));
    }

    /// <summary>The lock's file was deleted or replaced: locks the one of that name, if no other process has it.</summary>
    private void RetakeLock()
    {
        SafeFileHandle file;
        try
        {
            file = Run(TakeLock);
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

    /// <summary>What the file of another's lock says, if it is there.</summary>
    private string ReadHolder()
    {
        using SafeFileHandle? file = Libc.OpenUnlocked(PathOf(LockName));
        return file is null ? "" : ReadHolder(file);
    }

    private static string ReadHolder(SafeFileHandle file)
    {
        // Who has only just taken it has yet to say so.
        Span<byte> text = stackalloc byte[256];
        string who = "";
        for (int i = 0; i < HolderReads && who.Length == 0; i++)
        {
            if (i > 0) Thread.Sleep(HolderWait);
            who = System.Text.Encoding.UTF8.GetString(text[..RandomAccess.Read(file, text, 0)]);
        }
        return who;
    }

    private static void TellHolder(SafeFileHandle file)
    {
        try
        {
            RandomAccess.SetLength(file, 0);
            RandomAccess.Write(file, System.Text.Encoding.UTF8.GetBytes($"process {Environment.ProcessId} on {Environment.MachineName}"), 0);
        }
        catch (IOException)
        {
            // It is just for a message, and a disk that is full is no reason not to start.
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
                // EFBIG: the base class library takes it for a mistake of the caller's.
                throw DiskFullException.OfFileSize(path, e);
            }
            catch (UnauthorizedAccessException e)
            {
                throw new IOException(e.Message, e);
            }
        }

        public void Truncate(long length) => Run(() => RandomAccess.SetLength(file, length));

        public void Sync() => Libc.SyncData(file, path);

        public void ReadFromDisk() => Libc.DropFromMemory(file);

        public void Dispose() => file.Dispose();
    }
}
