namespace KestrelKv.Benchmarks.Servers;

/// <summary>A server that can take snapshots.</summary>
internal interface ISnapshotServer : IServer
{
    /// <summary>Takes a snapshot of all data while the server runs, and waits until it is on disk.</summary>
    Task SnapshotAsync();

    /// <summary>Stops the server with a snapshot of all data in its directory, which its next start loads.</summary>
    Task StopWithSnapshotAsync();
}
