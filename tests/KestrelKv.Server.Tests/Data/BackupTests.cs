using System.Globalization;
using System.Text.Json;
using KestrelKv.Server.Tests.Admin;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Data;

/// <summary>Snapshots and backups over HTTP.</summary>
public sealed class BackupTests
{
    [Fact]
    public async Task Snapshot_Requested_IsTakenAndReported()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        await Contents.FillAsync(server, "a", 5);
        RawResponse response = await RawHttp.SendAsync(server.Admin, "POST", "/v1/admin/snapshot", body: []);
        Assert.Equal(200, response.Status);
        JsonElement snapshot = JsonDocument.Parse(response.Text).RootElement;
        Assert.Equal(["version", "bytes", "duration_seconds", "at"], snapshot.EnumerateObject().Select(member => member.Name));
        Assert.Equal(7, snapshot.GetProperty("version").GetInt64());
        Assert.InRange(snapshot.GetProperty("bytes").GetInt64(), 1, 10_000);
        Assert.InRange(snapshot.GetProperty("duration_seconds").GetDouble(), 0, 60);
        Assert.InRange(
            DateTimeOffset.UnixEpoch.AddSeconds(snapshot.GetProperty("at").GetDouble()), DateTimeOffset.UtcNow - Wait.Patience,
            DateTimeOffset.UtcNow);

        Assert.Equal(7, (await Contents.StatAsync(server, "last_snapshot_version")).GetInt64());
        Assert.Equal(snapshot.GetProperty("bytes").GetInt64(), (await Contents.StatAsync(server, "last_snapshot_bytes")).GetInt64());
        Assert.Equal(snapshot.GetProperty("at").GetDecimal(), (await Contents.StatAsync(server, "last_snapshot_at")).GetDecimal());
        Assert.Equal(0, (await Contents.StatAsync(server, "snapshot_failures")).GetInt64());
    }

    [Fact]
    public async Task Backup_Requested_IsAFileWithItsVersion()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        await Contents.FillAsync(server, "a", 5);
        RawResponse backup = await RawHttp.SendAsync(server.Admin, "GET", "/v1/admin/backup");
        Assert.Equal(200, backup.Status);
        Assert.Equal("application/octet-stream", backup.Headers["Content-Type"]);
        Assert.Equal(backup.Body.Length.ToString(CultureInfo.InvariantCulture), backup.Headers["Content-Length"]);
        Assert.Equal("attachment; filename=\"kestrelkv-7.snapshot\"", backup.Headers["Content-Disposition"]);
        Assert.Equal("\"7\"", backup.ETag);

        // Nothing has changed since, so no further snapshot is taken.
        object taken = await Contents.StatAsync(server, "last_snapshot_at");
        RawResponse again = await RawHttp.SendAsync(server.Admin, "GET", "/v1/admin/backup");
        Assert.Equal(backup.Body, again.Body);
        Assert.Equal($"{taken}", $"{await Contents.StatAsync(server, "last_snapshot_at")}");

        await Contents.FillAsync(server, "b", 5);
        Assert.Equal("\"14\"", (await RawHttp.SendAsync(server.Admin, "GET", "/v1/admin/backup")).ETag);
    }

    [Fact]
    public async Task Backup_OfAnEmptyStore_IsAFile()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        RawResponse backup = await RawHttp.SendAsync(server.Admin, "GET", "/v1/admin/backup");
        Assert.Equal((200, "\"0\""), (backup.Status, backup.ETag));
        Assert.NotEmpty(backup.Body);
    }

    [Fact]
    public async Task Backup_ToAClientThatNeverReads_BlocksNeitherTheWireNorAStop()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        using WireClient wire = await WireClient.ConnectAsync(server.WirePort);
        await FillWithNoiseAsync(wire, megabytes: 30);

        using WireClient reader = await WireClient.ConnectAsync(server.Admin.Port);
        await reader.SendAsync("GET /v1/admin/backup HTTP/1.1\r\nHost: localhost\r\n\r\n"u8.ToArray());
        byte[] begin = new byte[12];
        await reader.Socket.ReceiveAsync(begin);
        Assert.Equal("HTTP/1.1 200"u8.ToArray(), begin);
        for (int i = 0; i < 100; i++) Assert.Equal(Frames.PutReply("more"), await wire.CallAsync(Frames.Put("more", $"{i}")));

        Assert.Equal(0, await server.StopAsync());
        Assert.Contains("Snapshot of version 130", server.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Backup_DuringSnapshotsAndWrites_IsComplete()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        using WireClient wire = await WireClient.ConnectAsync(server.WirePort);
        using var done = new CancellationTokenSource();
        Task writing = Task.Run(async () =>
        {
            for (int i = 0; !done.IsCancellationRequested; i++) await wire.CallAsync(Frames.Put($"key {i % 100}", $"{i}"));
        });
        await Task.WhenAll(Enumerable.Range(0, 4).Select(each => Task.Run(async () =>
        {
            for (int i = 0; i < 10; i++)
            {
                RawResponse response = each == 0
                    ? await RawHttp.SendAsync(server.Admin, "POST", "/v1/admin/snapshot", body: [])
                    : await RawHttp.SendAsync(server.Admin, "GET", "/v1/admin/backup");
                Assert.Equal(200, response.Status);
                if (each != 0)
                    Assert.Equal(response.Headers["Content-Length"], response.Body.Length.ToString(CultureInfo.InvariantCulture));
            }
        })));
        await done.CancelAsync();
        await writing;
        Assert.Equal(0, await server.StopAsync());
        server.AssertNoComplaint();
    }

    /// <summary>Puts incompressible values, more than the socket buffers hold.</summary>
    private static async Task FillWithNoiseAsync(WireClient wire, int megabytes)
    {
        byte[] noise = new byte[750_000];
        for (int i = 0; i < megabytes; i++)
        {
            Random.Shared.NextBytes(noise);
            await wire.CallAsync(Frames.Put($"noise {i}", $"\"{Convert.ToBase64String(noise)}\""));
        }
    }
}
