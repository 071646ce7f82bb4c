namespace KestrelKv.Benchmarks.Clients;

/// <summary>Calls of <see cref="Microsoft.Extensions.Caching.Distributed.IDistributedCache"/> by concurrent callers.</summary>
internal static class CachePart
{
    private const int Callers = 50;

    public static async Task RunAsync(ClientServers servers, ClientOptions options)
    {
        ClientKind[] caches = [.. ClientKind.Caches.Where(cache => options.Clients.Any(client => client.Server == cache.Server))];
        foreach (int valueBytes in options.CacheBytes)
        {
            await using ClientSet clients = await ClientSet.StartAsync(servers, caches, options, valueBytes);
            Console.WriteLine(
                $"Distributed cache: {string.Join(", ", (object[])caches)}; {options.Keys:N0} keys, values of {valueBytes:N0} bytes:\n");
            await CallsPart.RunAsync(clients, options with { Callers = [Callers] }, ClientKind.RedisCache, CallGroup.Cache);
        }
    }
}
