using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Telemetry;

/// <summary>A server that has received the known traffic once, before the tests of a class.</summary>
public sealed class TrafficServer : IAsyncLifetime
{
    internal ServerProcess Server { get; private set; } = null!;

    /// <summary>The metrics after the end of all traffic.</summary>
    internal Scrape Scrape { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        try
        {
            Server = await ServerProcess.StartAsync(Traffic.Settings);
            await Traffic.RunAsync(Server);
            using var http = new HttpClient { BaseAddress = Server.Admin };
            await http.PutAsync(new Uri("v1/keys/secret-key-over-http", UriKind.Relative), new StringContent("1"));
            await http.GetStringAsync(new Uri("v1/key?key=secret-key-over-http", UriKind.Relative));
            Scrape = await Scrape.UntilAsync(Server.Admin, s => s.Sum("kestrelkv_wire_connections") == 0);
        }
        catch
        {
            // xunit does not dispose of a fixture that failed to initialize.
            await DisposeAsync();
            throw;
        }
    }

    public async Task DisposeAsync()
    {
        if (Server is not null) await Server.DisposeAsync();
    }
}
