using KestrelKv.Server.Tests.Admin;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Durability;

/// <summary>
/// A data directory that is changed while the server runs: the server acknowledges no write that its next start would not find.
/// </summary>
public sealed class LostDirectoryTests
{
    [Fact]
    public async Task Start_WhereTheLockOfARunningServerWasDeleted_IsRefused()
    {
        if (!OperatingSystem.IsLinux()) return; // Other systems cannot delete an open file, or cannot lock directories.
        using var data = new DataDirectory();
        await using ServerProcess server = await ServerProcess.StartAsync(data: data);
        File.Delete(data.PathTo("lock"));
        (int exitCode, string output) = await ServerProcess.RunToEndAsync([], data);
        Assert.Equal(1, exitCode);
        Assert.Contains("in use by", output, StringComparison.Ordinal);

        using WireClient wire = await WireClient.ConnectAsync(server.WirePort);
        Assert.Equal(Frames.PutReply("key"), await wire.CallAsync(Frames.Put("key", "1")));
    }

    [Fact]
    public async Task Server_WhoseDataDirectoryIsDeleted_RefusesWritesAndReportsThePath()
    {
        if (OperatingSystem.IsWindows()) return; // Windows cannot delete an open file.
        using var data = new DataDirectory();
        await using ServerProcess server = await ServerProcess.StartAsync(["Data:SegmentBytes=1048576"], data: data);
        using WireClient wire = await WireClient.ConnectAsync(server.WirePort);

        // With the next segment prepared, the server creates no file while the directory is being deleted.
        await Wait.UntilAsync(() => File.Exists(data.PathTo("0000000000000000002.log")), () => "no segment is prepared");
        Assert.Equal(Frames.PutReply("kept"), await wire.CallAsync(Frames.Put("kept", "1")));
        Directory.Delete(data.FullPath, recursive: true);
        try
        {
            string ready = "";
            await Wait.UntilAsync(
                async () =>
                    (ready = (await RawHttp.SendAsync(server.Admin, "GET", "/health/ready")).Text) != "Healthy", () =>
                        "it is still healthy");
            Assert.StartsWith("Unhealthy: the disk has failed: ", ready, StringComparison.Ordinal);
            Assert.Contains(data.FullPath, ready, StringComparison.Ordinal);
            Frames.AssertError(await wire.CallAsync(Frames.Put("lost", "1")), "disk_failed", "Data:Directory");
            Assert.Equal(Frames.GetReply("kept", "1"), await wire.CallAsync(Frames.Get("kept")));
            Assert.Equal(0, await server.StopAsync());
            Assert.Contains(data.FullPath, server.Log, StringComparison.Ordinal);
        }
        finally
        {
            Directory.CreateDirectory(data.FullPath);
        }
    }
}
