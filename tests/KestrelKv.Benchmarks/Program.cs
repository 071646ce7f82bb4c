using System.Globalization;
using KestrelKv.Benchmarks.Clients;
using KestrelKv.Benchmarks.Comparison;
using KestrelKv.Benchmarks.Constants;
using KestrelKv.Benchmarks.Durability;
using KestrelKv.Benchmarks.Feeds;
using KestrelKv.Benchmarks.Loads;
using KestrelKv.Benchmarks.Postgres;
using KestrelKv.Benchmarks.Servers;
using KestrelKv.Benchmarks.Stores;
using KestrelKv.Benchmarks.Transfers;

if (args is [ClientProgram.Command, .. var client])
{
    ClientProgram.Run(client); // Clients run with the runtime's default settings.
    return 0;
}
// Socket continuations of the watchers and of the constant server run on the thread that polls the socket, which saves a thread switch.
// .NET reads the setting when the first socket is created.
Environment.SetEnvironmentVariable(ServerProgram.InlineCompletions, "1");
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
    case ["client", .. var rest]:
        await ClientBenchmark.RunAsync(ClientOptions.Parse(rest));
        return 0;
    case ["compare", .. var rest]:
        await ComparisonBenchmark.RunAsync(ComparisonOptions.Parse(rest));
        return 0;
    case ["postgres", .. var rest]:
        await PostgresBenchmark.RunAsync(PostgresOptions.Parse(rest));
        return 0;
    case ["transfer", .. var rest]:
        await TransferBenchmark.RunAsync(TransferOptions.Parse(rest));
        return 0;
    case ["constant", .. var rest]:
        ConstantOptions constant = ConstantOptions.Parse(rest);
        if (constant.IsBare) BareConstant.Run(constant);
        else await ConstantBenchmark.RunAsync(constant);
        return 0;
    default:
        string[] usages =
        [
            StoreOptions.Usage, LoadOptions.Usage, DurabilityOptions.Usage, WatchOptions.Usage, ComparisonOptions.Usage,
            ConstantOptions.Usage, ClientOptions.Usage, PostgresOptions.Usage,
            TransferOptions.Usage,
        ];
        Console.Error.WriteLine(string.Join('\n', usages));
        return 2;
}
