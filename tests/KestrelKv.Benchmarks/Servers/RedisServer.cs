using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using KestrelKv.Benchmarks.Loads;
using KestrelKv.Storage;

namespace KestrelKv.Benchmarks.Servers;

/// <summary>
/// Debian's Redis, without automatic rewrites of its log. Protected mode is off, because it accepts 127.0.0.1 only, and clients use other
/// loopback addresses too.
/// </summary>
internal sealed class RedisServer : ISnapshotServer
{
    /// <summary>Redis loads its snapshot only if it has no log.</summary>
    public static readonly ServerKind Kind = new("Redis", setup => Start(setup, isTls: false))
    {
        SnapshotMode = DurabilityMode.Memory, Program = "redis-server", Installation = "apt-get install redis-server",
    };

    /// <summary>Redis over TLS.</summary>
    public static readonly ServerKind TlsKind = Kind with { Name = "Redis TLS", Start = setup => Start(setup, isTls: true) };

    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(10);

    private RedisServer(ServerProgram program, int port, bool isTls) => (Program, Port, IsTls) = (program, port, isTls);

    public string Name => IsTls ? TlsKind.Name : Kind.Name;

    public bool IsTls { get; }

    public LoadProtocol Protocol => LoadProtocol.Resp;

    public int Port { get; }

    public ServerProgram Program { get; }

    public async Task SnapshotAsync()
    {
        using Socket socket = await ConnectAsync();
        await CallAsync(socket, "BGSAVE");
        while (!(await CallAsync(socket, "INFO persistence")).Contains("rdb_bgsave_in_progress:0", StringComparison.Ordinal))
            await Task.Delay(PollInterval);
    }

    public async Task StopWithSnapshotAsync()
    {
        using (Socket socket = await ConnectAsync()) await CallAsync(socket, "SAVE");
        await Program.StopAsync();
    }

    public ValueTask DisposeAsync() => Program.DisposeAsync();

    private static RedisServer Start(ServerSetup setup, bool isTls)
    {
        string[] log = setup.Mode switch
        {
            DurabilityMode.Always => ["--appendonly", "yes", "--appendfsync", "always"],
            DurabilityMode.EverySec => ["--appendonly", "yes", "--appendfsync", "everysec"],
            DurabilityMode.None => ["--appendonly", "yes", "--appendfsync", "no"],
            _ => ["--appendonly", "no"],
        };
        string port = setup.Port.ToString(CultureInfo.InvariantCulture);
        string[] ports = ["--port", port];
        if (isTls)
        {
            BenchmarkCertificate certificate = new(setup.Directory);
            ports =
            [
                "--port", "0", "--tls-port", port, "--tls-cert-file", certificate.Path, "--tls-key-file", certificate.Path,
                "--tls-auth-clients", "no", "--tls-protocols", "TLSv1.3",
            ];
        }
        return new RedisServer(ServerProgram.Start(setup.Cores, Kind.Program!,
            ["--bind", "127.0.0.1", .. ports, "--dir", setup.Directory,
                "--protected-mode", "no", "--save", "", "--auto-aof-rewrite-percentage", "0", .. log]), setup.Port, isTls);
    }

    private async Task<Socket> ConnectAsync()
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, Port);
        return socket;
    }

    /// <summary>Sends a command and returns its reply, which arrives in one piece.</summary>
    private static async Task<string> CallAsync(Socket socket, string command)
    {
        await socket.SendAsync(Encoding.ASCII.GetBytes($"{command}\r\n"));
        byte[] reply = new byte[65_536];
        string text = Encoding.ASCII.GetString(reply, 0, await socket.ReceiveAsync(reply));
        return text.StartsWith('-') ? throw new InvalidDataException($"Redis replied: {text}") : text;
    }
}
