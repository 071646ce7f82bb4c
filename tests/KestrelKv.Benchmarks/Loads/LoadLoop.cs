using System.Diagnostics;

namespace KestrelKv.Benchmarks.Loads;

/// <summary>
/// The clients of one server, all on one thread, as in wrk and memtier_benchmark. A round costs little more than one send and one
/// receive, so the server reaches its limit before the clients do. A run allocates nothing.
/// </summary>
internal sealed class LoadLoop : IDisposable
{
    /// <summary>The maximum time without any reply, in nanoseconds.</summary>
    private const long ReplyTimeout = 60_000_000_000;

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

    /// <summary>Starts each round when it is due and a connection is idle. Returns when all are answered.</summary>
    public void Run(IRounds rounds, IRoundLog log)
    {
        while (true)
        {
            long untilNext = StartDue(rounds);
            if (untilNext < 0 && _idle.Count == _connections.Length) return;
            int events = _epoll.Wait(untilNext >= 0 ? untilNext : ReplyTimeout);
            if (events == 0 && untilNext < 0) throw new TimeoutException("no reply from the server for 60 s");
            for (int i = 0; i < events; i++)
            {
                (int number, uint what) = _epoll[i];
                LoadConnection connection = _connections[number];
                if (!connection.Continue(what)) continue;
                log.Add(connection.Due, Stopwatch.GetTimestamp(), connection.Requests);
                _idle.Enqueue(connection);
                StartDue(rounds); // The server works on it while the loop reads further replies.
            }
        }
    }

    /// <summary>Starts all rounds that are due while there are idle connections.</summary>
    /// <returns>The nanoseconds until the next round; negative if all connections are busy or no round is left.</returns>
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
