using KestrelKv.Server.Tests.Admin;
using KestrelKv.Server.Tests.Data;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Durability;

/// <summary>
/// Disks that fail, or are full, while many connections write and read: whatever was told is there after a restart, and
/// nothing that is not was shown to anybody.
/// </summary>
public sealed class FaultsUnderLoadTests
{
    private static readonly string[] Settings = ["Data:SegmentBytes=1048576", "Data:SnapshotLogBytes=1073741824"];

    [StraceTheory]
    [InlineData("fdatasync:error=EIO:when=1")] // those after it would work again: they prove nothing
    [InlineData("fdatasync:error=ENOSPC")] // a disk that notices late that it is full has failed as well
    [InlineData("pwrite64:error=EIO:when=1")]
    public Task Disk_ThatFailsUnderLoad_LosesNothingThatWasTold(string fault) => Seeds.RunAsync(async random =>
    {
        using var data = new DataDirectory();
        await using var witness = new Witness(random.Next());
        await using (ServerProcess server = await ServerProcess.StartAsync(Settings, data: data))
        {
            await witness.CheckAsync(server);
            await witness.LoadAsync(server);
            await using (Strace strace = await Strace.AttachAsync(server, "-e", $"trace={fault.Split(':')[0]}", "-e", $"inject={fault}"))
            {
                // By then every connection was cut, with replies half on their way, or has had its writes refused many
                // times: that over HTTP, which has one at a time, has been.
                Assert.True(await witness.EndedAsync() > 200, "writes were not refused");
                await strace.StopAsync();
            }

            // That nothing fails any more changes nothing.
            using WireClient wire = await WireClient.ConnectAsync(server.WirePort);
            Frames.AssertError(await wire.CallAsync(Frames.Put("late", "1")), "disk_failed", "Data:Directory");
            Assert.Equal(503, (await RawHttp.SendAsync(server.Admin, "GET", "/health/ready")).Status);
            Assert.Equal("failed", (await Contents.StatAsync(server, "disk")).GetString());
            server.SendSignal("KILL");
            await server.WaitForExitAsync();
        }
        await using ServerProcess second = await ServerProcess.StartAsync(Settings, data: data);
        await witness.CheckAsync(second);
        using WireClient reader = await WireClient.ConnectAsync(second.WirePort);
        Assert.Equal(Frames.GetReply("late", "null"), await reader.CallAsync(Frames.Get("late")));
    });

    /// <summary>A file system that needs new space for what is overwritten can be full where the log has its space already.</summary>
    [StraceFact]
    public Task Log_ThatFindsNoSpaceForATime_LosesNothingAndGoesOnByItself() => Seeds.RunAsync(async random =>
    {
        using var data = new DataDirectory();
        await using var witness = new Witness(random.Next());
        await using (ServerProcess server = await ServerProcess.StartAsync(Settings, data: data))
        {
            await witness.CheckAsync(server);
            await witness.LoadAsync(server);
            using WireClient wire = await WireClient.ConnectAsync(server.WirePort);
            Assert.Equal(Frames.PutReply("early"), await wire.CallAsync(Frames.Put("early", "1")));
            await using (Strace strace = await Strace.AttachAsync(server, "-e", "trace=pwrite64", "-e", "inject=pwrite64:error=ENOSPC"))
            {
                await ReadyAsync(server, "Degraded: the disk is full: ");
                Frames.AssertError(await wire.CallAsync(Frames.Put("refused", "1")), "disk_full", "Data:Directory");

                // What is on disk; that a key is not there may have to wait for a removal that is not.
                Assert.Equal(Frames.GetReply("early", "1"), await wire.CallAsync(Frames.Get("early")));
                await strace.StopAsync();
            }
            await ReadyAsync(server, "Healthy");
            Assert.Equal(Frames.GetReply("refused", "null"), await wire.CallAsync(Frames.Get("refused")));
            Assert.Equal(Frames.PutReply("late"), await wire.CallAsync(Frames.Put("late", "1")));
            server.SendSignal("KILL");
            await server.WaitForExitAsync();
            await witness.EndedAsync();
        }
        await using ServerProcess second = await ServerProcess.StartAsync(Settings, data: data);
        await witness.CheckAsync(second);
        using WireClient reader = await WireClient.ConnectAsync(second.WirePort);
        Assert.Equal(Frames.GetReply("late", "1"), await reader.CallAsync(Frames.Get("late")));
    });

    [SmallDiskFact]
    public Task Disk_ThatGetsFullUnderLoad_LosesNothingInKillsAndTakesWritesOnceThereIsSpace() => Seeds.RunAsync(async random =>
    {
        await using SmallDisk disk = await SmallDisk.MountAsync(megabytes: 10);
        string ballast = disk.Data.PathTo("ballast");
        await File.WriteAllBytesAsync(ballast, new byte[4_000_000]);
        await using var witness = new Witness(random.Next());
        await using (ServerProcess server = await ServerProcess.StartAsync(Settings, data: disk.Data))
        {
            await witness.CheckAsync(server);
            await witness.LoadAsync(server);
            await ReadyAsync(server, "Degraded: the disk is full: ");
            server.SendSignal("KILL");
            await server.WaitForExitAsync();
            await witness.EndedAsync();
        }

        // It starts though there is no space but what an unfinished file had, and has it all.
        await using (ServerProcess server = await ServerProcess.StartAsync(Settings, data: disk.Data))
        {
            await witness.CheckAsync(server);
            File.Delete(ballast);
            await ReadyAsync(server, "Healthy");
            await witness.LoadAsync(server);
            server.SendSignal("KILL");
            await server.WaitForExitAsync();
            await witness.EndedAsync();
        }
        await using ServerProcess last = await ServerProcess.StartAsync(Settings, data: disk.Data);
        await witness.CheckAsync(last);
    });

    private static Task ReadyAsync(ServerProcess server, string expected) => Wait.UntilAsync(
        async () => (await RawHttp.SendAsync(server.Admin, "GET", "/health/ready")).Text.StartsWith(expected, StringComparison.Ordinal),
        () => $"it is never {expected}");
}
