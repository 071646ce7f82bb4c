using KestrelKv.Benchmarks.Loads;

namespace KestrelKv.Benchmarks.Interference;

internal sealed class IdleCrowd(int port, int count) : IInterference
{
    private readonly LoadSocket[] _sockets = [.. Enumerable.Range(0, count).Select(_ => new LoadSocket(port))];

    public long Done => 0;

    public void Dispose()
    {
        foreach (LoadSocket socket in _sockets) socket.Dispose();
    }
}
