namespace KestrelKv.Benchmarks.Clients;

internal static class CachePart
{
    public static Task RunAsync(ClientServers servers, ClientOptions options) => Task.CompletedTask;
}
