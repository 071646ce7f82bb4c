namespace KestrelKv.Benchmarks.Clients;

/// <summary>Calls that do the same, one or more of each client.</summary>
internal sealed record CallGroup(string Name, bool IsWrite, params ClientCall[] Calls)
{
    public static readonly CallGroup Get = new(
        "GET", IsWrite: false, [.. ClientKind.All.Select(kind => new ClientCall(kind, ClientCall.Get))]);

    public static readonly CallGroup GetReused = new(
        "GET, reused memory", IsWrite: false, [.. ClientKind.All.Select(kind => new ClientCall(kind, ClientCall.GetReused))]);

    public static readonly CallGroup Put = new(
        "PUT", IsWrite: true,
        new ClientCall(ClientKind.KestrelKv, ClientCall.Put, "exactly once"),
        new ClientCall(ClientKind.KestrelKv, ClientCall.PutAtLeastOnce, "at least once"),
        new ClientCall(ClientKind.StackExchangeRedis, ClientCall.Put),
        new ClientCall(ClientKind.Nats, ClientCall.Put));

    /// <summary>The calls of a distributed cache.</summary>
    public static readonly CallGroup[] Cache =
    [
        CacheGroup("GetAsync", isWrite: false, ClientCall.Get),
        CacheGroup("TryGetAsync, reused memory", isWrite: false, ClientCall.GetReused),
        CacheGroup("GetAsync, sliding", isWrite: false, ClientCall.GetSliding),
        CacheGroup("SetAsync", isWrite: true, ClientCall.Put),
        CacheGroup("SetAsync, sliding", isWrite: true, ClientCall.PutSliding),
    ];

    private static CallGroup CacheGroup(string name, bool isWrite, string call) =>
        new(name, isWrite, [.. ClientKind.Caches.Select(kind => new ClientCall(kind, call))]);
}
