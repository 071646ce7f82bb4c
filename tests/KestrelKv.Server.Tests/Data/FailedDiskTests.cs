using KestrelKv.Server.Tests.Admin;
using KestrelKv.Server.Tests.Durability;
using KestrelKv.Server.Tests.Telemetry;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Data;

/// <summary>Failing syncs, injected by strace. The server refuses all writes and still serves reads of the data on disk.</summary>
public sealed class FailedDiskTests
{
    [StraceFact]
    public async Task Wire_AfterAFailedSync_RefusesWritesAndReadsDurableData()
    {
        using var data = new DataDirectory();
        await using (ServerProcess server = await ServerProcess.StartAsync(data: data))
        {
            using WireClient wire = await WireClient.ConnectAsync(server.WirePort);
            Assert.Equal(Frames.PutReply("kept"), await wire.CallAsync(Frames.Put("kept", "1")));
            await using Strace strace = await FailSyncsAsync(server);

            // The first PUT waits for the sync that fails. All PUTs use the same connection.
            foreach (string key in (string[])["lost", "lost later", "kept"])
                Frames.AssertError(await wire.CallAsync(Frames.Put(key, "2")), "disk_failed", "Data:Directory");
            Assert.Equal(Frames.GetReply("kept", "1"), await wire.CallAsync(Frames.Get("kept")));
            Frames.AssertError(await wire.CallAsync(Frames.Get("lost")), "disk_failed", "Data:Directory");

            await AssertReportedAsync(server);
            Scrape scrape = await Scrape.OfAsync(server.Admin);
            Assert.Equal(2, scrape.Sum("kestrelkv_store_disk_state"));
            Assert.Equal(3, scrape.Sum("kestrelkv_wire_requests_total", ("function", "PUT"), ("outcome", "disk_failed")));
            Assert.Equal(1, scrape.Sum("kestrelkv_wire_requests_total", ("function", "GET"), ("outcome", "disk_failed")));
            Assert.Equal(1, scrape.Sum("kestrelkv_wire_requests_total", ("function", "PUT"), ("outcome", "ok")));
            server.SendSignal("KILL");
            await server.WaitForExitAsync();
        }

        await using ServerProcess second = await ServerProcess.StartAsync(data: data);
        using WireClient reader = await WireClient.ConnectAsync(second.WirePort);
        Assert.Equal(Frames.GetReply("kept", "1"), await reader.CallAsync(Frames.Get("kept")));
        Assert.Equal(Frames.PutReply("new"), await reader.CallAsync(Frames.Put("new", "1")));
    }

    [StraceFact]
    public async Task Http_AfterAFailedSync_Returns503()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        Assert.Equal(201, (await PutAsync(server, "kept")).Status);
        await using Strace strace = await FailSyncsAsync(server);

        (await PutAsync(server, "lost")).AssertProblem(503, "disk_failed");
        (await PutAsync(server, "kept")).AssertProblem(503, "disk_failed");
        (await RawHttp.SendAsync(server.Admin, "PUT", "/v1/keys/kept", ["If-Match: \"1\""], "2"u8.ToArray()))
            .AssertProblem(503, "disk_failed");
        (await RawHttp.SendAsync(server.Admin, "DELETE", "/v1/keys/kept")).AssertProblem(503, "disk_failed");
        (await RawHttp.SendAsync(server.Admin, "GET", "/v1/keys/lost")).AssertProblem(503, "disk_failed");
        (await RawHttp.SendAsync(server.Admin, "GET", "/v1/keys?values=true")).AssertProblem(503, "disk_failed");
        Assert.Equal("1", (await RawHttp.SendAsync(server.Admin, "GET", "/v1/keys/kept")).Text);
        (await RawHttp.SendAsync(server.Admin, "POST", "/v1/admin/snapshot", body: [])).AssertProblem(503, "disk_failed");
        await AssertReportedAsync(server);
        Assert.Equal(0, await server.StopAsync());
        Assert.DoesNotContain("Exception", server.Log, StringComparison.Ordinal);
    }

    private static async Task AssertReportedAsync(ServerProcess server)
    {
        RawResponse ready = await RawHttp.SendAsync(server.Admin, "GET", "/health/ready");
        Assert.Equal(503, ready.Status);
        Assert.StartsWith("Unhealthy: the disk has failed: ", ready.Text, StringComparison.Ordinal);
        Assert.Equal(200, (await RawHttp.SendAsync(server.Admin, "GET", "/health/live")).Status);
        Assert.Equal("failed", (await Contents.StatAsync(server, "disk")).GetString());
        Assert.NotEqual("", (await Contents.StatAsync(server, "disk_error")).GetString());
        await Wait.UntilAsync(() => server.Log.Contains(" ERR ", StringComparison.Ordinal), () => server.Log);
    }

    private static Task<RawResponse> PutAsync(ServerProcess server, string key) =>
        RawHttp.SendAsync(server.Admin, "PUT", $"/v1/keys/{key}", body: "1"u8.ToArray());

    /// <summary>Makes every later sync of the server fail.</summary>
    private static Task<Strace> FailSyncsAsync(ServerProcess server) =>
        Strace.AttachAsync(server, "-e", "trace=fdatasync,fsync", "-e", "inject=fdatasync,fsync:error=EIO");
}
