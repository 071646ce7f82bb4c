using KestrelKv.Benchmarks.Loads;
using KestrelKv.Benchmarks.Servers;

namespace KestrelKv.Benchmarks.Interference;

/// <summary>Work that runs beside the load of the ordinary clients, counted in <paramref name="Unit"/>.</summary>
internal sealed record Interferer(string Name, string Unit, Func<KestrelKvServer, LoadOptions, Task<IInterference>> StartAsync)
{
    private const int IdleConnections = 1_000;
    private const int Watchers = 1_000;

    public static readonly Interferer[] All =
    [
        Of("none", "", (_, _) => new IdleCrowd(0, 0)),
        Of("one connection with an endless pipeline", "requests", (server, clients) => new EndlessPipeline(server.Port, clients)),
        Of($"{IdleConnections:N0} idle connections", "", (server, _) => new IdleCrowd(server.Port, IdleConnections)),
        Of("GET /v1/keys, page by page, with values", "pages", (server, _) => new Repetition(new KeyPages(server.Admin).TakeNext)),
        Of("SCAN, page by page, with values", "pages", (server, _) =>
        {
            var pages = new ScanPages(server.Port);
            return new Repetition(pages.TakeNext, pages);
        }),
        Of("snapshots, back to back", "snapshots", (server, _) => new Repetition(() => server.SnapshotAsync().Wait())),
        new($"{Watchers:N0} watchers, each of a part of the keys", "changes", async (server, clients) =>
            await WatcherCrowd.StartAsync(server.Port, clients.Keys, Watchers)),
    ];

    private static Interferer Of(string name, string unit, Func<KestrelKvServer, LoadOptions, IInterference> start) =>
        new(name, unit, (server, clients) => Task.FromResult(start(server, clients)));
}
