using KestrelKv.Client;
using KestrelKv.Testing;

namespace KestrelKv.Cli.Tests.Hosting;

/// <summary>A server for the tests of a class, which use keys of their own.</summary>
public sealed class ServerFixture : IAsyncLifetime
{
    public ServerProcess Server { get; private set; } = null!;

    /// <summary>Creates a client of the server, which the caller disposes of.</summary>
    public KestrelKvClient Connect() => new($"kestrelkv://127.0.0.1:{Server.WirePort}");

    public async Task InitializeAsync() => Server = await ServerProcess.StartAsync();

    public async Task DisposeAsync() => await Server.DisposeAsync();
}
