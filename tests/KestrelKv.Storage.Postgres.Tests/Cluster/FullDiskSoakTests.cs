using System.Globalization;
using KestrelKv.Storage.Postgres.Tests.Cluster.Load;
using KestrelKv.Testing;
using Xunit.Abstractions;

namespace KestrelKv.Storage.Postgres.Tests.Cluster;

/// <summary>Rounds in which the disk for the write-ahead log of the primary, or of the synchronous standby, is full.</summary>
public sealed class FullDiskSoakTests(ITestOutputHelper output) : IAsyncLifetime
{
    /// <summary>The time for which the disk remains full. A standby whose log is full may remain the synchronous one for as long.</summary>
    private static readonly TimeSpan FullTime = TimeSpan.FromSeconds(20);

    private readonly PatroniCluster _cluster = new(new(HasWalDisk: true));

    public async Task InitializeAsync()
    {
        if (RootSoakFactAttribute.WhyNot() is null) await _cluster.InitializeAsync();
    }

    public async Task DisposeAsync()
    {
        if (RootSoakFactAttribute.WhyNot() is null) await _cluster.DisposeAsync();
    }

    [RootSoakFact]
    public Task Calls_WalDiskFull_AreLinearizableAndLoseNoWrite() => Seeds.RunAsync(async random =>
    {
        foreach (long step in SoakTime.Steps()) await RunRoundAsync(ofPrimary: step % 2 == 0, random);
    });

    private async Task RunRoundAsync(bool ofPrimary, Random random)
    {
        (ClusterNode primary, ClusterNode standby) = await _cluster.RepairAsync();
        string schema = PostgresServer.NewSchema();
        await using ClusterLoad load = await ClusterLoad.StartAsync(_ => _cluster.OpenStoreAsync(schema), random);
        await load.BeginRoundAsync();
        ClusterNode full = ofPrimary ? primary : standby;
        await full.FillWalDiskAsync(primary);
        await Task.Delay(FullTime);
        double during = load.Outage.TotalSeconds;
        full.FreeWalDisk();
        double outage = (await load.EndRoundAsync()).TotalSeconds;
        await load.BeginRoundAsync();
        string summary = await load.StopAsync();
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"disk of the {(ofPrimary ? "primary" : "standby")}: {during:F1} s without a write meanwhile, " +
            $"{outage:F1} s in all; {summary}"));
    }
}

/// <summary>A soak that mounts disks.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class RootSoakFactAttribute : FactAttribute
{
    public RootSoakFactAttribute() => Skip = WhyNot();

    /// <summary>Returns why such tests do not run; null if they do.</summary>
    public static string? WhyNot() =>
        SoakFactAttribute.WhyNot() ?? (Environment.IsPrivilegedProcess ? null : "requires root to mount a disk");
}
