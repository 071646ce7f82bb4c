using System.Globalization;

namespace KestrelKv.Benchmarks.Servers;

/// <summary>
/// Debian's nats-server with JetStream, which has the key-value store. The benchmarks load it through a client library only.
/// </summary>
internal static class NatsServer
{
    public const string Name = "NATS";
    public const string Program = "nats-server";
    public const string Installation = "apt-get install nats-server";

    private const string ReadyText = "Server is ready";

    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(10);

    public static bool IsInstalled => ProgramFile.Find(Program) is not null;

    /// <summary>Starts a server, and waits until it accepts connections.</summary>
    /// <exception cref="InvalidOperationException">The server does not start.</exception>
    public static async Task<ServerProgram> StartAsync(ServerSetup setup)
    {
        ServerProgram server = ServerProgram.Start(
            setup.Cores, Program,
            [
                "--addr", "127.0.0.1", "--port", setup.Port.ToString(CultureInfo.InvariantCulture),
                "--jetstream", "--store_dir", setup.Directory,
            ]);
        using var timeout = new CancellationTokenSource(Timeout);
        while (!server.Output.Contains(ReadyText, StringComparison.Ordinal))
        {
            if (server.HasExited || timeout.IsCancellationRequested)
            {
                await server.DisposeAsync();
                throw new InvalidOperationException($"{Name} does not start. Its output:\n{server.Output}");
            }
            await Task.Delay(PollInterval);
        }
        return server;
    }
}
