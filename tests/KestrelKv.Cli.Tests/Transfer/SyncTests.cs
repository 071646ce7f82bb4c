using System.Diagnostics;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Tests.Hosting;
using KestrelKv.Client;
using KestrelKv.Testing;

namespace KestrelKv.Cli.Tests.Transfer;

/// <summary>A copy becomes equal to its source, whatever ends in between.</summary>
public sealed class SyncTests(TransferFixture fixture) : IClassFixture<TransferFixture>
{
    private string Into => $"kestrelkv://127.0.0.1:{fixture.Target.WirePort}";

    [Fact]
    public async Task Sync_Once_MakesBothEqual_AndLaterResumesByVersion()
    {
        await using KestrelKvClient source = StoreCopy.Connect(fixture.Source), target = StoreCopy.Connect(fixture.Target);
        using var kkv = new Kkv(fixture.Source);
        TransferFiles.AssertSucceeded(await kkv.RunAsync("import", TransferFiles.WriteNumbered(kkv, "once:", 3_000)));
        await source.PutUtf8Async("once:e", "1.0"u8.ToArray(), new() { Expiry = TimeSpan.FromHours(1) });
        await target.PutAsync("once:extra", 1);
        await target.PutAsync("once:000001", "another");
        await target.PutAsync("other", "untouched");

        TransferFiles.AssertSucceeded(await kkv.RunAsync("sync", "--to", Into, "once:", "--once"));
        await AssertEqualAsync(source, target, "once:");
        Assert.True((await target.GetAsync<string>("other")).Found);

        // A comparison of both servers would remove this key. The changes of the source do not.
        await target.PutAsync("once:stray", 1);
        await source.DeleteAsync("once:000002");
        await source.ExpireAsync("once:000003", TimeSpan.FromHours(1));
        await source.PutAsync("once:new", 1);
        TransferFiles.AssertSucceeded(await kkv.RunAsync("sync", "--to", Into, "once:", "--once"));
        Assert.True((await target.GetAsync<int>("once:stray")).Found);
        await target.DeleteAsync("once:stray");
        await AssertEqualAsync(source, target, "once:");
    }

    [Fact]
    public async Task Sync_OfAllKeys_CopiesNoPosition()
    {
        await using ServerProcess a = await ServerProcess.StartAsync(["Data:Durability=Memory"]), b =
            await ServerProcess.StartAsync(["Data:Durability=Memory"]);
        await using KestrelKvClient source = StoreCopy.Connect(a), target = StoreCopy.Connect(b);
        using var kkv = new Kkv(a);
        await source.PutAsync("kkv:sync:elsewhere", 1);
        await source.PutAsync("x", 1);
        await target.PutAsync("y", 1);
        for (int i = 0; i < 2; i++) TransferFiles.AssertSucceeded(await kkv.RunAsync("sync", "--to", $"kestrelkv://127.0.0.1:{b.WirePort}",
            "--once"));
        Assert.Equal(["kkv:sync:", "x"], (await StoreCopy.ReadAsync(target, "")).Entries.Keys);
    }

    [Fact]
    public async Task Sync_OfAnExpiryThatWasExtended_KeepsTheEntry_AfterTheFirstExpiry()
    {
        await using KestrelKvClient source = StoreCopy.Connect(fixture.Source), target = StoreCopy.Connect(fixture.Target);
        using var kkv = new Kkv(fixture.Source);
        string[] sync = ["sync", "--to", Into, "lease:", "--once"];
        TransferFiles.AssertSucceeded(await kkv.RunAsync(sync));
        DateTimeOffset first = DateTimeOffset.UtcNow.AddSeconds(1);
        await source.PutUtf8Async("lease:1", "1.0"u8.ToArray(), new() { Expiry = Expiry.At(first) });
        Assert.True((await source.ExpireAsync("lease:1", TimeSpan.FromHours(1))).Applied);
        await Wait.UntilAsync(() => DateTimeOffset.UtcNow > first, () => "the clock does not move");
        TransferFiles.AssertSucceeded(await kkv.RunAsync(sync));
        await AssertEqualAsync(source, target, "lease:");
        Assert.True((await target.GetUtf8Async("lease:1")).Found);
    }

    [Fact]
    public async Task Sync_ToItself_IsRefused()
    {
        using var kkv = new Kkv(fixture.Source);
        KkvResult result = await kkv.RunAsync("sync", "--to", $"kestrelkv://127.0.0.1:{fixture.Source.WirePort}");
        Assert.Equal(ExitCode.Usage, result.ExitCode);
    }

    [Fact]
    public Task Sync_DuringWrites_WithKillsAndRestarts_BecomesEqual() => FollowAsync("follow:", keys: 3_000, rounds: 2);

    [SoakFact]
    public Task Sync_DuringWrites_WithManyKillsAndRestarts_BecomesEqual() => FollowAsync("follows:", keys: 50_000, rounds: 10);

    /// <summary>In each round, the destination is killed and restarted, and the program is interrupted or killed.</summary>
    private async Task FollowAsync(string prefix, int keys, int rounds)
    {
        using var data = new DataDirectory();
        string[] settings = [$"Wire:Port={FreePort.FindFixed()}", "Data:Durability=EverySec"];
        ServerProcess destination = await ServerProcess.StartAsync(settings, data: data);
        string into = $"kestrelkv://127.0.0.1:{destination.WirePort}";
        using var kkv = new Kkv(fixture.Source);
        TransferFiles.AssertSucceeded(await kkv.RunAsync("import", TransferFiles.WriteNumbered(kkv, prefix, keys)));
        await using Writers writers = await Writers.StartAsync(StoreCopy.Connect(fixture.Source), prefix, keys, Random.Shared.Next());
        for (int i = 0; i < rounds; i++)
        {
            using Process sync = kkv.Start("sync", "--to", into, prefix);
            Task<KkvResult> end = Kkv.EndAsync(sync);
            await AdvanceAsync(destination, prefix, sync);
            destination.Kill();
            await destination.DisposeAsync();
            destination = await ServerProcess.StartAsync(settings, data: data);
            await AdvanceAsync(destination, prefix, sync);
            await Kkv.SignalAsync(sync, i % 2 == 0 ? "INT" : "KILL");
            KkvResult result = await end;
            if (i % 2 == 0) Assert.Contains("up to version", result.Error, StringComparison.Ordinal);
        }
        await writers.StopAsync();
        await using ServerProcess last = destination;
        TransferFiles.AssertSucceeded(await kkv.RunAsync("sync", "--to", into, prefix, "--once"));
        await using KestrelKvClient source = StoreCopy.Connect(fixture.Source), target = StoreCopy.Connect(last);
        await AssertEqualAsync(source, target, prefix);
    }

    /// <summary>Waits until the position in the destination has moved to a later version.</summary>
    private static async Task AdvanceAsync(ServerProcess destination, string prefix, Process sync)
    {
        await using KestrelKvClient client = StoreCopy.Connect(destination);
        long first = long.MaxValue;
        await Wait.UntilAsync(
            async () =>
            {
                Assert.False(sync.HasExited, "the copy has ended");
                Entry<System.Text.Json.JsonElement> entry = await client.GetAsync<System.Text.Json.JsonElement>($"kkv:sync:{prefix}");
                long version = entry.Found ? entry.Value.GetProperty("version").GetInt64() : -1;
                if (version >= 0 && first == long.MaxValue) first = version;
                return version > first;
            },
            () => "the position does not move");
    }

    private static async Task AssertEqualAsync(KestrelKvClient source, KestrelKvClient target, string prefix)
    {
        // Entries that expire while both are read are missing in one of them.
        string different = "";
        await Wait.UntilAsync(
            async () =>
            {
                StoreCopy a = await StoreCopy.ReadAsync(source, prefix), b = await StoreCopy.ReadAsync(target, prefix);
                different = $"{string.Join(", ", a.Entries.Except(b.Entries).Take(5))}; {string.Join(", ", b.Entries.Except(a.Entries).Take(5))}";
                return a.Entries.SequenceEqual(b.Entries);
            },
            () => $"the copy does not become equal: {different}");
    }
}
