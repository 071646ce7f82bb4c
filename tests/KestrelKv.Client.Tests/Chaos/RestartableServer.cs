using KestrelKv.Testing;

namespace KestrelKv.Client.Tests.Chaos;

/// <summary>A server that is killed and started again, always on the same port and data directory.</summary>
internal sealed class RestartableServer : IAsyncDisposable
{
    private readonly DataDirectory _data = new();
    private readonly string[] _settings;
    private readonly NetworkNamespace? _network;
    private ServerProcess? _process;

    private RestartableServer(string[] settings, NetworkNamespace? network) => (_settings, _network) = ([$"Wire:Port={Port}", .. settings], network);

    public int Port { get; } = FreePort.FindFixed();

    public ServerProcess Process => _process ?? throw new InvalidOperationException("The server is not running.");

    public static Task<RestartableServer> StartAsync(params string[] settings) => StartAsync(null, settings);

    /// <summary>Starts a server in a network namespace.</summary>
    public static async Task<RestartableServer> StartAsync(NetworkNamespace? network, params string[] settings)
    {
        var server = new RestartableServer(settings, network);
        try
        {
            await server.StartAsync();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Returns the options of a client with long deadlines, which connects to this server, or to a proxy before it.</summary>
    public static KestrelKvClientOptions Options(int port) => new()
    {
        Host = "127.0.0.1",
        Port = port,
        Timeout = Wait.Patience,
        RetryTime = Wait.Patience,
        ReconnectDelayMax = TimeSpan.FromMilliseconds(200),
    };

    public KestrelKvClientOptions Options() => Options(Port);

    /// <summary>Starts the server after <see cref="KillAsync"/>.</summary>
    public async Task StartAsync() => _process = await ServerProcess.StartAsync(_settings, data: _data, network: _network);

    /// <summary>Ends the server with SIGKILL.</summary>
    public async Task KillAsync()
    {
        Process.Kill();
        await Process.WaitForExitAsync();
        await Process.DisposeAsync();
        _process = null;
    }

    public async Task RestartAsync()
    {
        await KillAsync();
        await StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null) await _process.DisposeAsync();
        _data.Dispose();
    }
}
