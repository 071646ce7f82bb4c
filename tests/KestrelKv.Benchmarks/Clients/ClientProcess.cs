using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using KestrelKv.Benchmarks.Servers;

namespace KestrelKv.Benchmarks.Clients;

/// <summary>The process of one client (<see cref="ClientProgram"/>), on the core of this process. It ends with this process.</summary>
internal sealed class ClientProcess : IAsyncDisposable
{
    private static readonly TimeSpan ReplyTimeout = TimeSpan.FromMinutes(1);

    private readonly Process _process;

    private ClientProcess(Process process) => _process = process;

    /// <summary>Starts a client, and waits until it has written all values and read them back.</summary>
    /// <exception cref="InvalidDataException">A call fails, or its result is wrong.</exception>
    public static async Task<ClientProcess> StartAsync(ClientKind kind, int port, ClientOptions options, int valueBytes)
    {
        string program = Path.Combine(AppContext.BaseDirectory, typeof(ClientProcess).Assembly.GetName().Name!);
        string[] numbers = [.. new[] { port, options.Keys, valueBytes }.Select(number => number.ToString(CultureInfo.InvariantCulture))];
        var start = new ProcessStartInfo(program, [ClientProgram.Command, kind.Id, .. numbers])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true,
        };
        start.Environment.Remove(ServerProgram.InlineCompletions); // Clients run with the runtime's defaults.
        var client = new ClientProcess(Process.Start(start)!);
        try
        {
            await client.ReadAsync(TimeSpan.Zero);
            return client;
        }
        catch
        {
            await client.DisposeAsync();
            throw;
        }
    }

    /// <summary>Measures calls.</summary>
    /// <exception cref="InvalidDataException">A call fails, or its result is wrong.</exception>
    /// <exception cref="TimeoutException">The client does not finish.</exception>
    public async Task<ClientResult> RunAsync(ClientTask task)
    {
        await _process.StandardInput.WriteLineAsync(JsonSerializer.Serialize(task));
        await _process.StandardInput.FlushAsync();
        return await ReadAsync(TimeSpan.FromSeconds(task.Seconds));
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private async Task<ClientResult> ReadAsync(TimeSpan duration)
    {
        string line = await _process.StandardOutput.ReadLineAsync().WaitAsync(duration + ReplyTimeout)
            ?? throw new InvalidOperationException("the process of the client has ended");
        var result = JsonSerializer.Deserialize<ClientResult>(line)!;
        return result.Error is null ? result : throw new InvalidDataException(result.Error);
    }
}
