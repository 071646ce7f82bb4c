using System.Globalization;
using KestrelKv.Benchmarks.Durability;
using KestrelKv.Benchmarks.Feeds;
using KestrelKv.Benchmarks.Loads;
using KestrelKv.Benchmarks.Stores;

// As in the server: each reply is taken on the thread that the system tells of it. To be set before the first socket.
Environment.SetEnvironmentVariable("DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS", "1");
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
switch (args)
{
    case ["store", .. var rest]:
        StoreBenchmark.Run(StoreOptions.Parse(rest));
        return 0;
    case ["load", .. var rest]:
        await LoadBenchmark.RunAsync(LoadOptions.Parse(rest));
        return 0;
    case ["durability", .. var rest]:
        await DurabilityBenchmark.RunAsync(DurabilityOptions.Parse(rest));
        return 0;
    case ["watch", .. var rest]:
        await WatchBenchmark.RunAsync(WatchOptions.Parse(rest));
        return 0;
    default:
        Console.Error.WriteLine($"{StoreOptions.Usage}\n{LoadOptions.Usage}\n{DurabilityOptions.Usage}\n{WatchOptions.Usage}");
        return 2;
}
