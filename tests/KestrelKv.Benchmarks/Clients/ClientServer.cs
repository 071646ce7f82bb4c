using KestrelKv.Benchmarks.Servers;

namespace KestrelKv.Benchmarks.Clients;

/// <summary>The server of a client.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Port">Its port.</param>
/// <param name="Program">Its process.</param>
/// <param name="Loadable">The server for the generator; null if the generator does not support its protocol.</param>
internal sealed record ClientServer(string Name, int Port, ServerProgram Program, IServer? Loadable);
