using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using KestrelKv.Benchmarks.Loads;

namespace KestrelKv.Benchmarks.Clients;

/// <summary>
/// The program in the process of one client: the benchmark's own program with the argument <see cref="Command"/>. It has the runtime's
/// default settings, and shares no heap and no thread pool with another client. Each line of its input is a <see cref="ClientTask"/>, each
/// line of its output a <see cref="ClientResult"/>. The first result follows when all values are written and read back.
/// </summary>
internal static class ClientProgram
{
    public const string Command = "client-process";

    /// <summary>Runs until the input ends. The main thread reads it, so that waiting takes no thread from the pool.</summary>
    public static void Run(ReadOnlySpan<string> args)
    {
        string[] numbers = args[1..].ToArray();
        int port = Parse(numbers[0]), keys = Parse(numbers[1]), valueBytes = Parse(numbers[2]);
        string id = args[0];
        ClientKind kind = ClientKind.All.Concat(ClientKind.Caches).Single(kind => kind.Id == id);
        IClientUnderTest? client = null;
        Reply(async () =>
        {
            client = await kind.ConnectAsync(port, new ClientData(keys, valueBytes, seed: Environment.ProcessId));
            foreach (ICallUnderTest call in client.Writes.Values) await call.CallAllAsync();
            foreach (ICallUnderTest call in client.Reads.Values) await call.CallAllAsync();
            return new ClientResult(0, 0, 0, 0);
        });
        while (client is not null && Console.In.ReadLine() is { } line)
            Reply(() => RunAsync(client, JsonSerializer.Deserialize<ClientTask>(line)!));
    }

    private static int Parse(string number) => int.Parse(number, CultureInfo.InvariantCulture);

    private static void Reply(Func<Task<ClientResult>> run)
    {
        ClientResult result;
        try
        {
            result = Task.Run(run).GetAwaiter().GetResult();
        }
        catch (Exception e)
        {
            result = new ClientResult(0, 0, 0, 0) { Error = e.Message }; // The benchmark reports it, and measures the other clients.
        }
        Console.Out.WriteLine(JsonSerializer.Serialize(result));
    }

    private static async Task<ClientResult> RunAsync(IClientUnderTest client, ClientTask task)
    {
        ICallUnderTest call = client.Reads.GetValueOrDefault(task.Call) ?? client.Writes[task.Call];
        ResourceUse use = ResourceUse.Begin();
        long end = Stopwatch.GetTimestamp() + (long)(task.Seconds * Stopwatch.Frequency);
        if (task.Load == ClientLoad.Paced)
        {
            LatencyHistogram latencies = await call.RunPacedAsync(task.PerSecond, task.Seconds);
            return use.End(latencies.Count).With(latencies);
        }
        return use.End(await (task.Load == ClientLoad.Callers
            ? call.RunCallersAsync(task.Concurrency, end)
            : call.RunRoundsAsync(task.Concurrency, end)));
    }
}
