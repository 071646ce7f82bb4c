namespace KestrelKv.Storage.Postgres.Backups;

/// <summary>A backup of a store. The next one of the same store begins after its disposal.</summary>
public sealed class PostgresBackup : IAsyncDisposable
{
    private readonly Action _disposed;
    private int _isDisposed;

    internal PostgresBackup(long version, Stream? file, Action disposed) => (Version, File, _disposed) = (version, file, disposed);

    /// <summary>The version of the last commit in the backup.</summary>
    public long Version { get; }

    /// <summary>A snapshot file of the embedded engine, at its beginning; null if the backup was not needed.</summary>
    public Stream? File { get; }

    /// <summary>Deletes the file.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0) return;
        if (File is not null) await File.DisposeAsync();
        _disposed();
    }
}
