namespace KestrelKv.Benchmarks.Clients;

/// <summary>Calls that do the same, one or more of each client.</summary>
internal sealed record CallGroup(string Name, bool IsWrite, params ClientCall[] Calls)
{
    public static readonly CallGroup Get = new("GET", IsWrite: false, [.. ClientKind.All.Select(kind => new ClientCall(kind, ClientCall.Get))]);

    public static readonly CallGroup GetReused = new(
        "GET, reused memory", IsWrite: false, [.. ClientKind.All.Select(kind => new ClientCall(kind, ClientCall.GetReused))]);

    public static readonly CallGroup Put = new(
        "PUT", IsWrite: true,
        new ClientCall(ClientKind.KestrelKv, ClientCall.Put, "exactly once"),
        new ClientCall(ClientKind.KestrelKv, ClientCall.PutAtLeastOnce, "at least once"),
        new ClientCall(ClientKind.StackExchangeRedis, ClientCall.Put),
        new ClientCall(ClientKind.Nats, ClientCall.Put));

    /// <summary>Returns the calls of some clients.</summary>
    public CallGroup Of(IEnumerable<ClientKind> clients) => this with { Calls = [.. Calls.Where(call => clients.Contains(call.Client))] };
}
