using System.Text.Json;
using KestrelKv.Server.Tests.Admin;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Data;

/// <summary>A server in the durability mode Memory, which stores nothing on disk.</summary>
public sealed class MemoryModeTests
{
    private const string Memory = "Data:Durability=Memory";

    [Fact]
    public async Task Restart_InMemory_StartsEmptyAndLeavesNoFile()
    {
        using var data = new DataDirectory();
        long previous = 0;
        foreach (string end in (string[])["TERM", "KILL"])
        {
            await using ServerProcess server = await ServerProcess.StartAsync([Memory], data: data);
            using WireClient client = await WireClient.ConnectAsync(server.WirePort);
            Assert.Equal(Frames.GetReply("a", "null"), await client.CallAsync(Frames.Get("a")));
            Assert.Equal(Frames.PutReply("a"), await client.CallAsync(Frames.Put("a", "1")));
            Assert.Equal(Frames.GetReply("a", "1"), await client.CallAsync(Frames.Get("a")));

            // The data is gone after the restart, but its versions are not reused.
            long version = await Contents.VersionAsync(server);
            Assert.InRange(version, previous + 2, long.MaxValue);
            previous = version;
            server.SendSignal(end);
            await server.WaitForExitAsync();
            Assert.Empty(data.Files);
        }
    }

    [Fact]
    public async Task Start_InMemory_NeedsNoDirectory()
    {
        await using ServerProcess server = await ServerProcess.StartAsync([Memory, "Data:Directory="]);
        await DefaultServer.AssertServesAsync(server.WirePort);
    }

    [Fact]
    public async Task Admin_InMemory_RefusesSnapshotsWithTheReason()
    {
        await using ServerProcess server = await ServerProcess.StartAsync([Memory]);
        (await RawHttp.SendAsync(server.Admin, "POST", "/v1/admin/snapshot", body: [])).AssertProblem(409, "no_data_directory");
        (await RawHttp.SendAsync(server.Admin, "GET", "/v1/admin/backup")).AssertProblem(409, "no_data_directory");
        RawResponse ready = await RawHttp.SendAsync(server.Admin, "GET", "/health/ready");
        Assert.Equal((200, "Healthy"), (ready.Status, ready.Text));

        JsonElement stats = JsonDocument.Parse((await RawHttp.SendAsync(server.Admin, "GET", "/v1/stats")).Text).RootElement;
        Assert.Equal("memory", stats.GetProperty("durability").GetString());
        Assert.All(
            ["durable_version", "disk", "disk_error", "log_bytes", "history_bytes", "last_snapshot_version", "last_snapshot_at", "last_snapshot_bytes", "snapshot_failures"],
            name => Assert.Equal(JsonValueKind.Null, stats.GetProperty(name).ValueKind));
        Assert.DoesNotContain(
            "kestrelkv_store_disk_state", (await RawHttp.SendAsync(server.Admin, "GET", "/metrics")).Text, StringComparison.Ordinal);
    }
}
