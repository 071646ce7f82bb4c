using System.Globalization;
using System.Reflection;
using KestrelKv.Benchmarks.Servers;
using KestrelKv.Storage;

namespace KestrelKv.Benchmarks.Transfers;

/// <summary>
/// The import and the export of <c>kkv</c> next to <c>redis-cli --pipe</c>, and to <c>redis-cli --scan</c> whose keys are read with GET. Both
/// servers have no persistence. Programs and servers share all cores.
/// </summary>
internal static class TransferBenchmark
{
    private static readonly string Kkv =
        typeof(TransferBenchmark).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().First(a => a.Key == "Kkv").Value!;

    public static async Task RunAsync(TransferOptions options)
    {
        bool hasRedis = RedisServer.Kind.IsInstalled && ProgramFile.Find("redis-cli") is not null;
        if (!hasRedis) Console.Error.WriteLine($"Redis is skipped: redis-server and redis-cli are not installed; run: " +
            $"{RedisServer.Kind.Installation}");
        Console.WriteLine(
            $"{Environment.ProcessorCount} cores, {options.Keys:N0} keys, values of {options.ValueBytes} bytes, without persistence; " +
            $"medians of {options.Repetitions} runs, taken in turns:\n");
        using var directory = new TemporaryDirectory(options.Directory);
        var files = TransferFiles.Write(directory.Path, options);
        List<TransferProgram> import = [], export = [], pipe = [], scan = [];
        for (int i = 0; i < options.Repetitions; i++)
        {
            await MeasureKestrelKvAsync(directory.Path, files, import, export);
            if (hasRedis) await MeasureRedisAsync(directory.Path, files, pipe, scan);
        }
        var table = new Table("", "seconds", "keys/s", "ratio", "peak MiB");
        Add(table, "kkv import", import, pipe, options);
        Add(table, "redis-cli --pipe", pipe, pipe, options);
        Add(table, "kkv export", export, scan, options);
        Add(table, "redis-cli --scan, GET", scan, scan, options);
        Console.WriteLine(table);
    }

    private static async Task MeasureKestrelKvAsync(string directory, TransferFiles files, List<TransferProgram> import, List<TransferProgram> export)
    {
        await using IServer server = KestrelKvServer.Kind.Start(new ServerSetup(DurabilityMode.Memory, directory, Cores: null, ValueBytes: 0));
        await Readiness.WaitAsync(server);
        string url = $"kestrelkv://127.0.0.1:{server.Port}";
        import.Add(await TransferProgram.RunAsync(Kkv, "import", files.Lines, "--url", url));
        export.Add(await TransferProgram.RunAsync(Kkv, "export", "--file", files.Export, "--url", url));
        ServerBench.Progress($"kkv import {import[^1].Seconds:N2} s, export {export[^1].Seconds:N2} s");
    }

    private static async Task MeasureRedisAsync(string directory, TransferFiles files, List<TransferProgram> pipe, List<TransferProgram> scan)
    {
        await using IServer server = RedisServer.Kind.Start(new ServerSetup(DurabilityMode.Memory, directory, Cores: null, ValueBytes: 0));
        await Readiness.WaitAsync(server);
        string client = string.Create(CultureInfo.InvariantCulture, $"redis-cli -p {server.Port}");
        pipe.Add(await TransferProgram.RunAsync("sh", "-c", $"exec {client} --pipe < '{files.Commands}'"));
        scan.Add(await TransferProgram.RunAsync("sh", "-c", $"{client} --scan | sed 's/^/GET /' | {client} > '{files.Export}'"));
        ServerBench.Progress($"redis-cli --pipe {pipe[^1].Seconds:N2} s, --scan {scan[^1].Seconds:N2} s");
    }

    private static void Add(Table table, string name, List<TransferProgram> runs, List<TransferProgram> reference, TransferOptions options)
    {
        if (runs.Count == 0) return;
        double seconds = runs.Median(run => run.Seconds);
        string ratio = reference.Count == 0 ? "" : $"{reference.Median(run => run.Seconds) / seconds:N2}";
        bool isPipeline = ReferenceEquals(runs, reference) && name.Contains("scan", StringComparison.Ordinal);
        table.Add(name, $"{seconds:N2}", $"{options.Keys / seconds:N0}", ratio, isPipeline ? "" : $"{runs.Max(run => run.PeakBytes) / 1048576.0:N0}");
    }
}
