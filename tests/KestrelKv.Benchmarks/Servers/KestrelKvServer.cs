using System.Globalization;
using System.Reflection;
using KestrelKv.Benchmarks.Loads;
using KestrelKv.Storage;

namespace KestrelKv.Benchmarks.Servers;

/// <summary>The server built with the benchmarks. It takes no snapshot on its own except at its stop.</summary>
internal sealed class KestrelKvServer : ISnapshotServer
{
    public static readonly ServerKind Kind = new("KestrelKv", setup => Start(setup, isTls: false))
    {
        SnapshotMode = DurabilityMode.EverySec,
    };

    /// <summary>The same over TLS.</summary>
    public static readonly ServerKind TlsKind = Kind with { Name = "KestrelKv TLS", Start = setup => Start(setup, isTls: true) };

    private const string AllocatedMetric = "dotnet_gc_heap_total_allocated_bytes_total";

    /// <summary>How long the Prometheus exporter caches its response.</summary>
    private static readonly TimeSpan MetricsLifetime = TimeSpan.FromMilliseconds(350);

    private static readonly string Path =
        typeof(KestrelKvServer).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().First(a => a.Key == "KestrelKvServer").Value!;

    private KestrelKvServer(ServerProgram program, int port, int adminPort, bool isTls)
    {
        (Program, Port, IsTls) = (program, port, isTls);
        Admin = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{adminPort}/"), Timeout = TimeSpan.FromMinutes(10) };
    }

    public string Name => IsTls ? TlsKind.Name : Kind.Name;

    public bool IsTls { get; }

    public LoadProtocol Protocol => LoadProtocol.Frames;

    public int Port { get; }

    public ServerProgram Program { get; }

    public HttpClient Admin { get; }

    public async Task SnapshotAsync()
    {
        using HttpResponseMessage response = await Admin.PostAsync(new Uri("v1/admin/snapshot", UriKind.Relative), null);
        response.EnsureSuccessStatusCode();
    }

    /// <summary>
    /// Returns the number of bytes of managed memory that the server has allocated since its start, from its metrics. The metrics are
    /// cached, so this waits for <see cref="MetricsLifetime"/> first.
    /// </summary>
    public async Task<long> AllocatedBytesAsync()
    {
        await Task.Delay(MetricsLifetime);
        string metrics = await Admin.GetStringAsync(new Uri("metrics", UriKind.Relative));
        string line = metrics.Split('\n').First(line => line.StartsWith(AllocatedMetric, StringComparison.Ordinal));
        return (long)double.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture);
    }

    public Task StopWithSnapshotAsync() => Program.StopAsync();

    public ValueTask DisposeAsync()
    {
        Admin.Dispose();
        return Program.DisposeAsync();
    }

    private static KestrelKvServer Start(ServerSetup setup, bool isTls)
    {
        int adminPort = ServerSetup.FindFreePort();
        string[] ports = [$"Wire:Port={setup.Port}"];
        if (isTls)
        {
            string certificate = new BenchmarkCertificate(setup.Directory).Path;
            ports = [$"Wire:TlsPort={setup.Port}", "Wire:Plaintext=false", $"Wire:Tls:Certificate={certificate}"];
        }
        string[] settings =
        [
            "Wire:Address=127.0.0.1", .. ports,
            "Admin:Address=127.0.0.1", $"Admin:Port={adminPort}", "StopTimeout=00:10:00",
            $"Data:Durability={setup.Mode}", $"Data:Directory={setup.Directory}",
            $"Data:SnapshotLogBytes={1L << 50}", "Data:SnapshotInterval=00:00:00",
        ];
        ServerProgram program = ServerProgram.Start(setup.Cores, Path, settings.Select(s => $"--KestrelKv:{s}"));
        return new KestrelKvServer(program, setup.Port, adminPort, isTls);
    }
}
