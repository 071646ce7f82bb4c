using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using KestrelKv.Server.Tests.Admin;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Security;

/// <summary>Clients that lose their rights during a long response.</summary>
public sealed class HttpRevocationTests : IAsyncLifetime
{
    private readonly UsersServer _server = new();

    public Task InitializeAsync() => _server.InitializeAsync();

    public Task DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task EventStream_OfARemovedUser_EndsWithAnErrorAndOthersContinue()
    {
        using EventReader removed = await OpenAsync("watcher", "?prefix=order:");
        using EventReader other = await OpenAsync("root", "?prefix=order:&values=true");
        await removed.NextAsync("bookmark");
        await other.NextAsync("bookmark");

        _server.Remove("watcher");

        Assert.Equal("auth_revoked", await removed.NextErrorAsync());
        await _server.SeedAsync();
        Assert.Equal(["put order:1"], (await other.NextAsync("changes")).Changes);
        (await _server.CallAsync("watcher", "GET", "/v1/watch?prefix=order:")).AssertProblem(401, "auth_failed");
    }

    [Fact]
    public async Task EventStream_OfAUserWithoutTheGrant_EndsWithForbidden()
    {
        using EventReader stream = await OpenAsync("watcher", "?prefix=order:");
        await stream.NextAsync("bookmark");

        _server.Users.Write(_server.Text(orders: "orders/2/"));

        Assert.Equal("forbidden", await stream.NextErrorAsync());
    }

    [Fact]
    public async Task EventStream_AfterAChangeOfOtherUsers_Continues()
    {
        using EventReader stream = await OpenAsync("watcher", "?prefix=order:");
        await stream.NextAsync("bookmark");

        _server.Remove("reader");
        await Wait.UntilAsync(
            async () => (await _server.CallAsync("reader", "GET", "/v1/keys/order:1")).Status == 401,
            () => "the users file is not reloaded");

        await _server.SeedAsync();
        Assert.Equal(["put order:1"], (await stream.NextAsync("changes")).Changes);
    }

    /// <summary>The backup is larger than all buffers between the server and the client, which does not read it.</summary>
    [Fact]
    public async Task Backup_OfARemovedAdmin_IsCutOff()
    {
        // Snapshots are compressed, which leaves three quarters of this text.
        string value = $"\"{Convert.ToBase64String(RandomNumberGenerator.GetBytes(6_000_000))}\"";
        for (int i = 0; i < 8; i++) Assert.Equal(201, (await _server.CallAsync("root", "PUT", $"/v1/keys/large:{i}", value)).Status);
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 65_536 };
        await socket.ConnectAsync(IPAddress.Loopback, _server.Process.Admin.Port);
        await socket.SendAsync(Encoding.ASCII.GetBytes(
            $"GET /v1/admin/backup HTTP/1.1\r\nHost: localhost\r\n{UsersServer.Bearer("ops")}\r\n\r\n"));
        byte[] part = new byte[16_384];
        int length = await socket.ReceiveAsync(part);
        Assert.StartsWith("HTTP/1.1 200 ", Encoding.ASCII.GetString(part, 0, length), StringComparison.Ordinal);

        _server.Remove("ops");
        await Wait.UntilAsync(
            async () => (await _server.CallAsync("ops", "GET", "/v1/stats")).Status == 401, () => "the users file is not reloaded");

        long received = length;
        await using var rest = new NetworkStream(socket);
        try
        {
            while ((length = await rest.ReadAsync(part)) > 0) received += length;
        }
        catch (IOException)
        {
            // The server has reset the connection.
        }
        Assert.InRange(received, 1, 30_000_000);
    }

    private Task<EventReader> OpenAsync(string user, string query) =>
        EventReader.OpenAsync(new Uri(_server.Process.Admin, "v1/watch" + query), authorization: $"Bearer {UsersServer.Secrets[user]}");
}
