using KestrelKv.Benchmarks.Loads;

namespace KestrelKv.Benchmarks.Servers;

/// <summary>A server that was started to be measured. To dispose of it kills it.</summary>
internal interface IServer : IAsyncDisposable
{
    string Name { get; }

    LoadProtocol Protocol { get; }

    /// <summary>On the loopback address.</summary>
    int Port { get; }

    ServerProgram Program { get; }
}
