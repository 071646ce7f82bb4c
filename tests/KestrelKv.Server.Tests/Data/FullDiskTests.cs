using System.Text;
using KestrelKv.Server.Tests.Admin;
using KestrelKv.Server.Tests.Telemetry;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Data;

/// <summary>A full disk: writes are refused, and resume automatically once space is available.</summary>
public sealed class FullDiskTests
{
    private static readonly string[] Settings = ["Data:SegmentBytes=1048576", "Data:SnapshotLogBytes=1073741824"];

    [SmallDiskFact]
    public async Task Writes_ToAFullDisk_AreRefusedUntilSpaceIsAvailableAndNoneIsLost()
    {
        await using SmallDisk disk = await SmallDisk.MountAsync(megabytes: 4);
        int kept = 0;
        await using (ServerProcess server = await ServerProcess.StartAsync(Settings, data: disk.Data))
        {
            using WireClient wire = await WireClient.ConnectAsync(server.WirePort);
            string reply;
            while ((reply = await PutAsync(wire, kept)) == Frames.PutReply($"key {kept}")) kept++;
            Frames.AssertError(reply, "disk_full", "Data:Directory");
            Assert.InRange(kept, 5, 40);

            // Reads continue, and all doors report the full disk.
            Assert.Equal(Frames.GetReply("key 0", Value(0)), await wire.CallAsync(Frames.Get("key 0")));
            (await HttpAsync(server, "PUT", Value(kept))).AssertProblem(507, "disk_full");
            (await RawHttp.SendAsync(server.Admin, "POST", "/v1/admin/snapshot", body: [])).AssertProblem(507, "disk_full");
            RawResponse ready = await RawHttp.SendAsync(server.Admin, "GET", "/health/ready");
            Assert.Equal(200, ready.Status);
            Assert.StartsWith("Degraded: the disk is full: ", ready.Text, StringComparison.Ordinal);
            Assert.Equal("full", (await Contents.StatAsync(server, "disk")).GetString());
            Scrape scrape = await Scrape.OfAsync(server.Admin);
            Assert.Equal(1, scrape.Sum("kestrelkv_store_disk_state"));
            Assert.Equal(1, scrape.Sum("kestrelkv_wire_requests_total", ("function", "PUT"), ("outcome", "disk_full")));
            Assert.True(scrape.Sum("kestrelkv_store_snapshot_failures_total") >= 1);

            // Writes resume without a restart.
            await disk.ResizeAsync(megabytes: 100);
            await Wait.UntilAsync(async () => await PutAsync(wire, kept) == Frames.PutReply($"key {kept}"), () => "still full");
            kept++;
            await Wait.UntilAsync(
                async () => (await RawHttp.SendAsync(server.Admin, "GET", "/health/ready")).Text == "Healthy", () => "still not healthy");
            server.SendSignal("KILL");
            await server.WaitForExitAsync();
        }

        await using ServerProcess second = await ServerProcess.StartAsync(Settings, data: disk.Data);
        using WireClient reader = await WireClient.ConnectAsync(second.WirePort);
        for (int i = 0; i < kept; i++) Assert.Equal(Frames.GetReply($"key {i}", Value(i)), await reader.CallAsync(Frames.Get($"key {i}")));
        Assert.Equal(kept, (await Contents.StatAsync(second, "keys")).GetInt32());
    }

    private static Task<string> PutAsync(WireClient wire, int i) => wire.CallAsync(Frames.Put($"key {i}", Value(i)));

    private static Task<RawResponse> HttpAsync(ServerProcess server, string method, string value) =>
        RawHttp.SendAsync(server.Admin, method, "/v1/key?key=over%20http", body: Encoding.UTF8.GetBytes(value));

    /// <summary>Returns an incompressible value, so that a snapshot would need as much space as the log.</summary>
    private static string Value(int i)
    {
        byte[] noise = new byte[75_000];
        new Random(i).NextBytes(noise);
        return $"\"{Convert.ToBase64String(noise)}\"";
    }
}
