using System.Globalization;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Wire;

/// <summary>Protected mode: this machine is served on any of its addresses, other machines only if the settings allow it.</summary>
public sealed class ProtectedModeTests
{
    private const string Served = "{\"status\": \"OK\", \"response\": {\"func\": \"GET\", \"response\": {\"obj\": \"a\", \"val\": null}}}";

    [NetworkNamespaceFact]
    public async Task AnotherMachine_InProtectedMode_IsRefused()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        await using NetworkNamespace other = await NetworkNamespace.CreateAsync();
        string[] replies = await CallFromAsync(other, server);
        Frames.AssertError(replies[0], "protected_mode", "ProtectedMode");
        Assert.Equal("closed", replies[1]);

        // The log has the refusal with the peer's address.
        Assert.Contains($"{other.PeerAddress}]", server.Log, StringComparison.Ordinal);
        await DefaultServer.AssertServesAsync(server.WirePort);
    }

    [NetworkNamespaceFact]
    public async Task ThisMachine_OnANetworkAddress_IsServed()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        await using NetworkNamespace other = await NetworkNamespace.CreateAsync();
        string replies = await Python.RunAsync("peer.py", other.OwnAddress, server.WirePort);
        Assert.Equal([Served, Served], Lines(replies));
    }

    [NetworkNamespaceFact]
    public async Task AnotherMachine_WithoutProtectedMode_IsServed()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(["Wire:ProtectedMode=false"]);
        await using NetworkNamespace other = await NetworkNamespace.CreateAsync();
        Assert.Equal([Served, Served], await CallFromAsync(other, server));
    }

    [NetworkNamespaceFact]
    public async Task AnotherMachine_InProtectedModeOnIPv4_IsRefused()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(["Wire:Address=0.0.0.0"]);
        await using NetworkNamespace other = await NetworkNamespace.CreateAsync();
        string[] replies = await CallFromAsync(other, server);
        Assert.Contains("\"protected_mode\"", replies[0], StringComparison.Ordinal);
        Assert.Equal("closed", replies[1]);
        Assert.Equal([Served, Served], Lines(await Python.RunAsync("peer.py", other.OwnAddress, server.WirePort)));
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("127.1.2.3")]
    [InlineData("::1")]
    public async Task ThisMachine_OnALoopbackAddress_IsServed(string address)
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        Assert.Equal([Served, Served], Lines(await Python.RunAsync("peer.py", address, server.WirePort)));
    }

    private static async Task<string[]> CallFromAsync(NetworkNamespace other, ServerProcess server) =>
        Lines(await other.RunAsync("python3", "-B", Python.PathTo("peer.py"), other.OwnAddress, server.WirePort.ToString(CultureInfo.InvariantCulture)));

    private static string[] Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}
