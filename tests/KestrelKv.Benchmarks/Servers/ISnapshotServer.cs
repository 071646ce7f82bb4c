namespace KestrelKv.Benchmarks.Servers;

/// <summary>A server that keeps its data on disk.</summary>
internal interface ISnapshotServer : IServer
{
    /// <summary>Takes a snapshot of all data while the server goes on, and waits until it is on disk.</summary>
    Task SnapshotAsync();

    /// <summary>Stops it so that its directory has a snapshot of all data, which its next start loads.</summary>
    Task StopWithSnapshotAsync();
}
