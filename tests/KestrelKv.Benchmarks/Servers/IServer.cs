using KestrelKv.Benchmarks.Loads;

namespace KestrelKv.Benchmarks.Servers;

/// <summary>A server started for a measurement. Disposal kills it.</summary>
internal interface IServer : IAsyncDisposable
{
    string Name { get; }

    LoadProtocol Protocol { get; }

    int Port { get; }

    /// <summary>Whether <see cref="Port"/> is encrypted.</summary>
    bool IsTls => false;

    ServerProgram Program { get; }
}
