using KestrelKv.Benchmarks.Loads;

namespace KestrelKv.Benchmarks.Servers;

/// <summary>A server that is started, loaded and killed.</summary>
internal sealed class PlainServer(string name, LoadProtocol protocol, int port, ServerProgram program) : IServer
{
    public string Name => name;

    public LoadProtocol Protocol => protocol;

    public int Port => port;

    public ServerProgram Program => program;

    public ValueTask DisposeAsync() => program.DisposeAsync();
}
