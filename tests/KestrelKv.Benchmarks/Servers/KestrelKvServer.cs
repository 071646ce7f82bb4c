using System.Reflection;
using KestrelKv.Benchmarks.Loads;
using KestrelKv.Storage;

namespace KestrelKv.Benchmarks.Servers;

/// <summary>The server that was built along with the benchmarks. It takes no snapshot by itself but at its stop.</summary>
internal sealed class KestrelKvServer : ISnapshotServer
{
    public static readonly ServerKind Kind = new("KestrelKv", Start) { SnapshotMode = DurabilityMode.EverySec };

    private static readonly string Path =
        typeof(KestrelKvServer).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().First(a => a.Key == "KestrelKvServer").Value!;

    private KestrelKvServer(ServerProgram program, int port, int adminPort)
    {
        (Program, Port) = (program, port);
        Admin = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{adminPort}/"), Timeout = TimeSpan.FromMinutes(10) };
    }

    public string Name => Kind.Name;

    public LoadProtocol Protocol => LoadProtocol.Frames;

    public int Port { get; }

    public ServerProgram Program { get; }

    /// <summary>Asks its other door.</summary>
    public HttpClient Admin { get; }

    public async Task SnapshotAsync()
    {
        using HttpResponseMessage response = await Admin.PostAsync(new Uri("v1/admin/snapshot", UriKind.Relative), null);
        response.EnsureSuccessStatusCode();
    }

    public Task StopWithSnapshotAsync() => Program.StopAsync();

    public ValueTask DisposeAsync()
    {
        Admin.Dispose();
        return Program.DisposeAsync();
    }

    private static KestrelKvServer Start(ServerSetup setup)
    {
        int adminPort = ServerSetup.FindFreePort();
        string[] settings =
        [
            "Wire:Address=127.0.0.1", $"Wire:Port={setup.Port}",
            "Admin:Address=127.0.0.1", $"Admin:Port={adminPort}", "StopTimeout=00:10:00",
            $"Data:Durability={setup.Mode}", $"Data:Directory={setup.Directory}",
            $"Data:SnapshotLogBytes={1L << 50}", "Data:SnapshotInterval=00:00:00",
        ];
        return new KestrelKvServer(ServerProgram.Start(setup.Cores, Path, settings.Select(s => $"--KestrelKv:{s}")), setup.Port, adminPort);
    }
}
