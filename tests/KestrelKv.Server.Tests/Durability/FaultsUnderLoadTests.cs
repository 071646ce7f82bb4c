using KestrelKv.Server.Tests.Admin;
using KestrelKv.Server.Tests.Data;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Durability;

/// <summary>
/// Failing and full disks while many connections write and read. All acknowledged and visible writes must survive a restart.
/// </summary>
public sealed class FaultsUnderLoadTests
{
    private static readonly string[] Settings = ["Data:SegmentBytes=1048576", "Data:SnapshotLogBytes=1073741824"];

    [StraceTheory]
    [InlineData("fdatasync:error=EIO:when=1")] // Later syncs would succeed, but prove nothing.
    [InlineData("fdatasync:error=ENOSPC")] // A disk that reports at a sync that it is full counts as failed.
    [InlineData("pwrite64:error=EIO:when=1")]
    public Task Disk_FailingUnderLoad_LosesNoReportedWrite(string fault) => Seeds.RunAsync(async random =>
    {
        using var data = new DataDirectory();
        await using var witness = new Witness(random.Next());
        await using (ServerProcess server = await ServerProcess.StartAsync(Settings, data: data))
        {
            await witness.CheckAsync(server);
            await witness.LoadAsync(server);
            await using (Strace strace = await Strace.AttachAsync(server, "-e", $"trace={fault.Split(':')[0]}", "-e", $"inject={fault}"))
            {
                // By now every connection was closed in the middle of replies, or its writes were refused many times. The HTTP client,
                // which has one request in flight, was refused.
                Assert.True(await witness.EndedAsync() > 200, "writes were not refused");
                await strace.StopAsync();
            }

            // The failure is permanent, although the disk works again.
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

    /// <summary>
    /// A file system that allocates new space for overwrites can be full even where the log has preallocated its space.
    /// </summary>
    [StraceFact]
    public Task Log_TemporarilyWithoutSpace_LosesNothingAndResumesAutomatically() => Seeds.RunAsync(async random =>
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

                // Durable data is still readable. A read of a missing key may have to wait for a removal that is not durable.
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
    public Task Disk_FillingUpUnderLoad_SurvivesKillsAndResumesOnceSpaceIsAvailable() => Seeds.RunAsync(async random =>
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

        // The server must start with only the space of an unfinished file, and must have all data.
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
        () => $"the server did not become {expected}");
}
