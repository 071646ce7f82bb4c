using KestrelKv.Benchmarks.Loads;
using KestrelKv.Benchmarks.Servers;

namespace KestrelKv.Benchmarks.Interference;

/// <summary>Somebody else who uses the server.</summary>
/// <param name="Name">What it does.</param>
/// <param name="Unit">What it is counted in.</param>
/// <param name="StartAsync">Begins.</param>
internal sealed record Interferer(string Name, string Unit, Func<KestrelKvServer, LoadOptions, Task<IInterference>> StartAsync)
{
    private const int IdleConnections = 1_000;
    private const int Watchers = 1_000;

    public static readonly Interferer[] All =
    [
        Of("nobody", "", (_, _) => new IdleCrowd(0, 0)),
        Of("one connection that pipelines without end", "requests", (server, clients) => new EndlessPipeline(server.Port, clients)),
        Of($"{IdleConnections:N0} idle connections", "", (server, _) => new IdleCrowd(server.Port, IdleConnections)),
        Of("GET /v1/keys, page by page, with values", "pages", (server, _) => new Repetition(new KeyPages(server.Admin).TakeNext)),
        Of("SCAN, page by page, with values", "pages", (server, _) =>
        {
            var pages = new ScanPages(server.Port);
            return new Repetition(pages.TakeNext, pages);
        }),
        Of("snapshots, one after the other", "snapshots", (server, _) => new Repetition(() => server.SnapshotAsync().Wait())),
        new($"{Watchers:N0} watchers, each of its part of the keys", "changes", async (server, clients) =>
            await WatcherCrowd.StartAsync(server.Port, clients.Keys, Watchers)),
    ];

    private static Interferer Of(string name, string unit, Func<KestrelKvServer, LoadOptions, IInterference> start) =>
        new(name, unit, (server, clients) => Task.FromResult(start(server, clients)));
}
