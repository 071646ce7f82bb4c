using System.Collections;

namespace KestrelKv.Benchmarks.Servers;

/// <summary>Running servers and their directories. Disposal kills the servers, then deletes the directories.</summary>
internal sealed class ServerSet : IReadOnlyList<IServer>, IAsyncDisposable
{
    private readonly List<IServer> _servers = [];
    private readonly List<TemporaryDirectory> _directories = [];

    public int Count => _servers.Count;

    public IServer this[int index] => _servers[index];

    public void Add(IServer server) => _servers.Add(server);

    public TemporaryDirectory Add(TemporaryDirectory directory)
    {
        _directories.Add(directory);
        return directory;
    }

    public IEnumerator<IServer> GetEnumerator() => _servers.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public async ValueTask DisposeAsync()
    {
        foreach (IServer server in _servers) await server.DisposeAsync();
        _directories.ForEach(directory => directory.Dispose());
    }
}
