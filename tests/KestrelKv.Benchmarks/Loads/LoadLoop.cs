using System.Diagnostics;

namespace KestrelKv.Benchmarks.Loads;

/// <summary>
/// Clients of one server, all on one thread, as in wrk and memtier_benchmark: a round costs them one send and one receive,
/// and next to nothing beside that, so that a server is at its limit before they are. While they run, nothing is allocated.
/// </summary>
internal sealed class LoadLoop : IDisposable
{
    /// <summary>For how long the server may keep all waiting, in nanoseconds.</summary>
    private const long Patience = 60_000_000_000;

    private readonly Epoll _epoll = new();
    private readonly LoadConnection[] _connections;
    private readonly Queue<LoadConnection> _idle;

    public LoadLoop(LoadOptions options, LoadScratch scratch)
    {
        _connections = [.. Enumerable.Range(0, options.Connections).Select(_ => new LoadConnection(options, scratch))];
        _idle = new Queue<LoadConnection>(_connections);
        foreach ((int index, LoadConnection connection) in _connections.Index()) _epoll.Watch(connection.File, index);
    }

    public void Dispose()
    {
        foreach (LoadConnection connection in _connections) connection.Dispose();
        _epoll.Dispose();
    }

    /// <summary>Begins each round as it is due and a connection is idle, and returns when all are answered.</summary>
    public void Run(IRounds rounds, IRoundLog log)
    {
        while (true)
        {
            long untilNext = StartDue(rounds);
            if (untilNext < 0 && _idle.Count == _connections.Length) return;
            int events = _epoll.Wait(untilNext >= 0 ? untilNext : Patience);
            if (events == 0 && untilNext < 0) throw new TimeoutException("the server has not answered for a minute");
            for (int i = 0; i < events; i++)
            {
                (int number, uint what) = _epoll[i];
                LoadConnection connection = _connections[number];
                if (!connection.Continue(what)) continue;
                log.Add(connection.Due, Stopwatch.GetTimestamp(), connection.Requests);
                _idle.Enqueue(connection);
                StartDue(rounds); // At once: the server works on it while the loop takes further replies.
            }
        }
    }

    /// <summary>Begins all rounds that are due, as long as there are idle connections.</summary>
    /// <returns>
    /// How many nanoseconds there are until the next one; negative where it is for a connection to become idle, or there is none.
    /// </returns>
    private long StartDue(IRounds rounds)
    {
        while (_idle.TryPeek(out LoadConnection? connection))
        {
            long now = Stopwatch.GetTimestamp(), due = rounds.NextDue(now);
            if (due == IRounds.Never) return -1;
            if (due > now) return (long)((due - now) * (1e9 / Stopwatch.Frequency));
            _idle.Dequeue();
            connection.Start(due, rounds);
        }
        return -1;
    }
}
