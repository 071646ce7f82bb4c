using System.Net;
using KestrelKv.Testing;

namespace KestrelKv.Wire.Tests;

/// <summary>Admission of connections: protected mode, and the maximum number.</summary>
public sealed class AdmissionTests
{
    private const string Own = "192.0.2.7";

    [Theory]
    [InlineData("127.0.0.1", "127.0.0.1")]
    [InlineData("127.8.9.10", "127.0.0.1")]
    [InlineData("::1", "::1")]
    [InlineData("::ffff:127.0.0.1", "::ffff:127.0.0.1")]
    [InlineData(Own, Own)]
    [InlineData("::ffff:192.0.2.7", "::ffff:192.0.2.7")]
    [InlineData("::ffff:192.0.2.7", Own)]
    [InlineData("2001:db8::7", "2001:db8::7")]
    public void ProtectedMode_ThisMachine_IsServed(string remote, string local)
    {
        using var wire = new TestWire();
        Assert.Equal(Frames.GetReply("a", "null"), Connect(wire, remote, local).Call(Frames.Get("a")));
    }

    [Theory]
    [InlineData("192.0.2.8", Own)]
    [InlineData("::ffff:192.0.2.8", "::ffff:192.0.2.7")]
    [InlineData("2001:db8::8", "2001:db8::7")]
    [InlineData("10.0.0.1", "127.0.0.1")]
    [InlineData("128.0.0.1", Own)]
    [InlineData("::2", "::1")]
    public async Task ProtectedMode_OtherMachine_GetsErrorAndIsClosed(string remote, string local)
    {
        using var wire = new TestWire();
        TestClient client = Connect(wire, remote, local);
        client.Send(Frames.Put("a", "1"));
        client.EndSending();

        string reply = Assert.Single(await client.RepliesToEndAsync());
        Assert.Equal("protected_mode", Frames.ErrorCode(reply));
        Assert.Contains("KestrelKv:Wire:ProtectedMode", reply, StringComparison.Ordinal);
        Assert.Equal(0, wire.Store.GetStats().Version);
        Assert.Equal(0, wire.Connections.Count);
        Assert.Equal(1, wire.Metrics["kestrelkv.wire.connections.refused{reason=protected_mode}"]);
        Assert.Equal(0, wire.Metrics["kestrelkv.wire.connections.accepted"]);
    }

    [Fact]
    public void ProtectedMode_Off_ServesAllClients()
    {
        using var wire = new TestWire(options => options.ProtectedMode = false);
        Assert.Equal(Frames.GetReply("a", "null"), Connect(wire, "192.0.2.8", Own).Call(Frames.Get("a")));
    }

    [Fact]
    public async Task ConnectionsMax_Exceeded_GetsErrorUntilConnectionCloses()
    {
        using var wire = new TestWire(options => options.ConnectionsMax = 2);
        TestClient first = wire.Connect();
        TestClient second = wire.Connect();
        TestClient third = wire.Connect();
        third.EndSending();
        Assert.Equal(["too_many_connections"], (await third.RepliesToEndAsync()).Select(Frames.ErrorCode));
        Assert.Equal(2, wire.Connections.Count);
        Assert.Equal(Frames.PutReply("a"), first.Call(Frames.Put("a", "1")));

        second.EndSending();
        await second.ServedAsync();
        Assert.Equal(Frames.GetReply("a", "1"), wire.Connect().Call(Frames.Get("a")));
        Assert.Equal(2, wire.Connections.Count);
        Assert.Equal(1, wire.Metrics["kestrelkv.wire.connections.refused{reason=too_many_connections}"]);
        Assert.Equal(3, wire.Metrics["kestrelkv.wire.connections.accepted"]);
    }

    [Fact]
    public async Task Refusal_ClientDoesNotClose_ServerClosesAfterLinger()
    {
        using var wire = new TestWire(options => options.ConnectionsMax = 1);
        wire.Connect();
        TestClient refused = wire.Connect();
        Assert.False(refused.IsServed);
        wire.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(["too_many_connections"], (await refused.RepliesToEndAsync()).Select(Frames.ErrorCode));
    }

    [Fact]
    public void Refusals_Many_AreLoggedAsCount()
    {
        using var wire = new TestWire();
        for (int i = 0; i < 100; i++) Connect(wire, $"198.51.100.{i}", Own);
        Assert.Contains("198.51.100.0", Assert.Single(wire.Log.Warnings).Text, StringComparison.Ordinal);

        wire.Advance(TimeSpan.FromSeconds(10));
        Connect(wire, "198.51.100.200", Own);
        Assert.Equal(2, wire.Log.Warnings.Length);
        Assert.StartsWith("Refused 100 connections", wire.Log.Warnings[1].Text, StringComparison.Ordinal);
    }

    internal static TestClient Connect(TestWire wire, string remote, string local) => wire.Connect(configure: connection =>
    {
        connection.RemoteEndPoint = new IPEndPoint(IPAddress.Parse(remote), 50_000);
        connection.LocalEndPoint = new IPEndPoint(IPAddress.Parse(local), 4_444);
    });
}
