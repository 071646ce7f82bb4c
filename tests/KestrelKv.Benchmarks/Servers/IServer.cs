using KestrelKv.Benchmarks.Loads;

namespace KestrelKv.Benchmarks.Servers;

/// <summary>A server that was started to be measured. To dispose of it kills it.</summary>
internal interface IServer : IAsyncDisposable
{
    LoadProtocol Protocol { get; }

    /// <summary>On the loopback address.</summary>
    int Port { get; }

    ServerProgram Program { get; }

    /// <summary>Takes a snapshot of all data while the server goes on, and waits until it is on disk.</summary>
    Task SnapshotAsync();

    /// <summary>Stops it so that its directory has a snapshot of all data, which its next start loads.</summary>
    Task StopWithSnapshotAsync();
}
