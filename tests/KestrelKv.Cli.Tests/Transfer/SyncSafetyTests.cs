using System.Globalization;
using System.Text;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Tests.Hosting;
using KestrelKv.Cli.Transfer.Sync;
using KestrelKv.Client;
using KestrelKv.Testing;

namespace KestrelKv.Cli.Tests.Transfer;

/// <summary>A copy detects a destination that is its source, and commits that the source has lost.</summary>
public sealed class SyncSafetyTests(TransferFixture fixture) : IClassFixture<TransferFixture>
{
    private string Into => $"kestrelkv://127.0.0.1:{fixture.Target.WirePort}";

    [Fact]
    public async Task Sync_ToTheSameServerUnderAnotherName_IsRefused_AndLeavesNoPosition()
    {
        using var kkv = new Kkv(fixture.Source);
        await using KestrelKvClient client = StoreCopy.Connect(fixture.Source);
        await client.PutAsync("same:1", 1);
        KkvResult result = await kkv.RunAsync(
            "sync", "--to", $"kestrelkv://localhost:{fixture.Source.WirePort}", "same:", "--once", "-o", "json");
        Assert.Equal(ExitCode.Failed, result.ExitCode);
        Assert.Contains("\"code\":\"same_store\"", result.Error, StringComparison.Ordinal);
        Assert.False((await client.GetUtf8Async("kkv:sync:same:")).Found);
    }

    [Fact]
    public async Task Sync_WithCompare_ComparesAgain()
    {
        using var kkv = new Kkv(fixture.Source);
        await using KestrelKvClient source = StoreCopy.Connect(fixture.Source), target = StoreCopy.Connect(fixture.Target);
        string[] sync = ["sync", "--to", Into, "again:", "--once"];
        await source.PutAsync("again:1", 1);
        TransferFiles.AssertSucceeded(await kkv.RunAsync(sync));
        await target.PutAsync("again:stray", 1);
        TransferFiles.AssertSucceeded(await kkv.RunAsync(sync));
        Assert.True((await target.GetAsync<int>("again:stray")).Found);
        TransferFiles.AssertSucceeded(await kkv.RunAsync([.. sync, "--compare"]));
        Assert.False((await target.GetAsync<int>("again:stray")).Found);
    }

    [Fact]
    public async Task Sync_ToAContext_UsesItsServer()
    {
        using var kkv = new Kkv(fixture.Source);
        await using KestrelKvClient source = StoreCopy.Connect(fixture.Source), target = StoreCopy.Connect(fixture.Target);
        await source.PutAsync("context:1", 1);
        await kkv.RunAsync("context", "add", "standby", Into);
        await kkv.RunAsync("context", "add", "fixed", Into, "--read-only");
        TransferFiles.AssertSucceeded(await kkv.RunAsync("sync", "--to", "standby", "context:", "--once"));
        Assert.True((await target.GetAsync<int>("context:1")).Found);
        Assert.Equal(ExitCode.Usage, (await kkv.RunAsync("sync", "--to", "fixed", "context:", "--once")).ExitCode);
        KkvResult missing = await kkv.RunAsync("sync", "--to", "other", "context:", "--once");
        Assert.Equal(ExitCode.Usage, missing.ExitCode);
        Assert.Contains("fixed, standby", missing.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sync_WhoseSourceLosesACopiedCommitDuringTheComparison_ComparesAgain()
    {
        using DataDirectory data = new(), earlier = new();
        string[] settings = [$"Wire:Port={FreePort.FindFixed()}"];
        ServerProcess server = await ServerProcess.StartAsync(settings, data: data);
        using var kkv = new Kkv(server);
        await using KestrelKvClient source = StoreCopy.Connect(server), target = StoreCopy.Connect(fixture.Target);
        await source.PutAsync("crash:1", 1);

        // The first write takes over the position. The second one follows the begin of the watch that holds the history.
        using var proxy = new HoldingProxy(fixture.Target.WirePort, "BATCH", "BATCH", "SCAN");
        proxy.Release(0);
        Task<KkvResult> sync = kkv.RunAsync("sync", "--to", proxy.Url, "crash:", "--once");
        await proxy.HeldAsync(1);
        Copy(data, earlier);
        await source.PutAsync("crash:lost", 1);
        proxy.Release(1);
        await proxy.HeldAsync(2);
        server.Kill();
        await server.DisposeAsync();
        await using ServerProcess restarted = await ServerProcess.StartAsync(settings, data: earlier);
        proxy.Release(2);
        TransferFiles.AssertSucceeded(await sync);
        Assert.Equal(["crash:1"], (await StoreCopy.ReadAsync(source, "crash:")).Entries.Keys);
        Assert.Equal(["crash:1"], (await StoreCopy.ReadAsync(target, "crash:")).Entries.Keys);
    }

    [Fact]
    public async Task Sync_WhoseSourceLosesACopiedCommitAfterTheComparison_ComparesAgain()
    {
        using DataDirectory data = new(), earlier = new();
        string[] settings = [$"Wire:Port={FreePort.FindFixed()}"];
        ServerProcess server = await ServerProcess.StartAsync(settings, data: data);
        using var kkv = new Kkv(server);
        await using KestrelKvClient source = StoreCopy.Connect(server), target = StoreCopy.Connect(fixture.Target);
        long begun = (await source.PutAsync("later:1", 1)).Version;
        Copy(data, earlier);
        long lost = (await source.PutAsync("later:lost", 1)).Version;
        server.Kill();
        await server.DisposeAsync();
        await using ServerProcess restarted = await ServerProcess.StartAsync(settings, data: earlier);

        // The destination as a comparison has left it that ended before the crash.
        await target.PutAsync("later:1", 1);
        await target.PutAsync("later:lost", 1);
        string position = string.Create(CultureInfo.InvariantCulture,
            $$"""{"source":"127.0.0.1:{{restarted.WirePort}}","version":{{begun}},"consistent_from":{{lost}},"writer":"earlier"}""");
        await target.PutUtf8Async("kkv:sync:later:", Encoding.UTF8.GetBytes(position));
        TransferFiles.AssertSucceeded(await kkv.RunAsync("sync", "--to", Into, "later:", "--once"));
        Assert.Equal(["later:1"], (await StoreCopy.ReadAsync(target, "later:")).Entries.Keys);
    }

    [Fact]
    public async Task Sync_WhoseSourceIsLostAfterTheFirstWrite_FailsWithAnotherCodeThanUnreachable()
    {
        ServerProcess server = await ServerProcess.StartAsync(["Data:Durability=Memory"]);
        await using var source = new KestrelKvClient($"kestrelkv://127.0.0.1:{server.WirePort}?Timeout=1");
        await using Session session = TransferFiles.CreateSession(server, Stream.Null);
        using var proxy = new HoldingProxy(fixture.Target.WirePort, "SCAN");
        await using var target = new KestrelKvClient(proxy.Url);
        var copy = new SyncTarget(target, "left:", "elsewhere:1");
        await source.PutAsync("left:1", 1);
        Task sync = new Synchronizer(session, source, copy, "left:", endsWhenCaughtUp: true, compares: false).RunAsync(CancellationToken.None);
        await proxy.HeldAsync(0);
        await server.DisposeAsync();
        await Wait.UntilAsync(() => TransferFiles.IsLostAsync(source), () => "the connection is not lost");
        proxy.Release(0);
        CommandFailure failure = await Assert.ThrowsAsync<CommandFailure>(() => sync);
        Assert.Equal((ExitCode.Failed, "connection_lost"), (failure.ExitCode, failure.Code));
    }

    [Fact]
    public async Task SyncMerge_ThatFails_EndsAfterItsPendingWrite()
    {
        await using KestrelKvClient all = StoreCopy.Connect(fixture.Source);
        Batch batch = all.CreateBatch();
        for (int i = 0; i < 999; i++) batch.Put($"pending:{i:D4}", i);
        await batch.CommitAsync();
        batch = all.CreateBatch();
        for (int i = 999; i < 1_500; i++) batch.Put($"pending:{i:D4}", i);
        await batch.CommitAsync();

        // The write of the first 999 entries is held, and the second page never arrives.
        using HoldingProxy from = new(fixture.Source.WirePort, "SCAN", "SCAN"), into = new(fixture.Target.WirePort, "pending:0000");
        from.Release(0);
        await using KestrelKvClient source = new(from.Url + "?Timeout=60"), target = new(into.Url + "?Timeout=60");
        var merge = new SyncMerge(source, new SyncTarget(target, "pending:", "elsewhere:1"), new SourceHistory(source, "pending:"),
            "\"pending:\""u8.ToArray(), new(TransferFiles.CreateSession(fixture.Source, Stream.Null).Terminal, "keys"));
        Task run = merge.RunAsync(0, Task.CompletedTask, CancellationToken.None);
        await into.HeldAsync(0);
        await from.HeldAsync(1);
        await source.DisposeAsync();
        Assert.NotEqual(run, await Task.WhenAny(run, Task.Delay(200)));
        into.Release(0);
        await Assert.ThrowsAnyAsync<KestrelKvException>(() => run);
        await using KestrelKvClient written = StoreCopy.Connect(fixture.Target);
        Assert.Equal(999, await written.CountAsync("pending:"));
    }

    private static void Copy(DataDirectory from, DataDirectory to)
    {
        foreach (string file in from.Files)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(to.PathTo(file))!);

            // The server has locked some files, which cp reads nevertheless.
            using var cp = System.Diagnostics.Process.Start("cp", [from.PathTo(file), to.PathTo(file)]);
            cp.WaitForExit();
        }
    }
}
