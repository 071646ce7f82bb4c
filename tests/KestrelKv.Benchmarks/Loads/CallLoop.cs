using System.Diagnostics;

namespace KestrelKv.Benchmarks.Loads;

/// <summary>
/// Clients that open and close connections, all on one thread, closed loop. One client does what a program with a blocking socket does.
/// Many cost less time than threads would, and leave the order of calls to the server.
/// </summary>
internal sealed class CallLoop : IDisposable
{
    /// <summary>The maximum time without any reply, in nanoseconds.</summary>
    private const long ReplyTimeout = 60_000_000_000;

    private readonly Epoll _epoll = new();
    private readonly CallClient[] _clients;
    private readonly SourceAddresses _sources = new();

    public CallLoop(CallOptions options, LoadScratch scratch) =>
        _clients = [.. Enumerable.Range(0, options.Load.Connections).Select(i => new CallClient(options, scratch, _sources, _epoll, i))];

    public long Connections => _sources.Taken;

    public void Dispose()
    {
        foreach (CallClient client in _clients) client.Dispose();
        _epoll.Dispose();
    }

    /// <summary>
    /// Makes calls until there are no more rounds, each of one request. Returns when all calls are answered and all connections closed.
    /// </summary>
    public void Run(IRounds rounds, IRoundLog log)
    {
        int busy = 0;
        foreach (CallClient client in _clients) busy += TryStart(client, rounds) ? 1 : 0;
        while (busy > 0)
        {
            int events = _epoll.Wait(ReplyTimeout);
            if (events == 0) throw new TimeoutException("no reply from the server for 60 s");
            for (int i = 0; i < events; i++)
            {
                (int number, uint what) = _epoll[i];
                CallClient client = _clients[number];
                if (!client.Continue(what)) continue;
                log.Add(client.Began, Stopwatch.GetTimestamp(), requests: 1);
                client.EndCall();
                if (!TryStart(client, rounds)) busy--;
            }
        }
    }

    /// <returns>Whether a round was left. Otherwise the client has closed its connection.</returns>
    private static bool TryStart(CallClient client, IRounds rounds)
    {
        bool isDue = rounds.NextDue(Stopwatch.GetTimestamp()) != IRounds.Never;
        if (isDue) client.Start(rounds);
        else client.Close();
        return isDue;
    }
}
