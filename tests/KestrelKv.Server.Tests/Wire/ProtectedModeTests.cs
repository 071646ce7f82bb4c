using System.Globalization;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Wire;

/// <summary>Who is served: this machine by any of its addresses, others only where the settings say so.</summary>
public sealed class ProtectedModeTests
{
    private const string Served = "{\"status\": \"OK\", \"response\": {\"func\": \"GET\", \"response\": {\"obj\": \"a\", \"val\": null}}}";

    [NetworkNamespaceFact]
    public async Task AnotherMachine_InProtectedMode_IsToldAndClosed()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        await using NetworkNamespace other = await NetworkNamespace.CreateAsync();
        string[] said = await CallFromAsync(other, server);
        Frames.AssertError(said[0], "protected_mode", "ProtectedMode");
        Assert.Equal("closed", said[1]);

        // The log tells of it, with the peer's address.
        Assert.Contains($"{other.PeerAddress}]", server.Log, StringComparison.Ordinal);
        await DefaultServer.AssertServesAsync(server.WirePort);
    }

    [NetworkNamespaceFact]
    public async Task ThisMachine_ByAnAddressOfTheNetwork_IsServed()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        await using NetworkNamespace other = await NetworkNamespace.CreateAsync();
        string said = await Python.RunAsync("peer.py", other.OwnAddress, server.WirePort);
        Assert.Equal([Served, Served], Lines(said));
    }

    [NetworkNamespaceFact]
    public async Task AnotherMachine_WithoutProtectedMode_IsServed()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(["Wire:ProtectedMode=false"]);
        await using NetworkNamespace other = await NetworkNamespace.CreateAsync();
        Assert.Equal([Served, Served], await CallFromAsync(other, server));
    }

    [NetworkNamespaceFact]
    public async Task AnotherMachine_InProtectedModeOnAnIPv4AddressAlone_IsToldAndClosed()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(["Wire:Address=0.0.0.0"]);
        await using NetworkNamespace other = await NetworkNamespace.CreateAsync();
        string[] said = await CallFromAsync(other, server);
        Assert.Contains("\"protected_mode\"", said[0], StringComparison.Ordinal);
        Assert.Equal("closed", said[1]);
        Assert.Equal([Served, Served], Lines(await Python.RunAsync("peer.py", other.OwnAddress, server.WirePort)));
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("127.1.2.3")]
    [InlineData("::1")]
    public async Task ThisMachine_ByALoopbackAddress_IsServed(string address)
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        Assert.Equal([Served, Served], Lines(await Python.RunAsync("peer.py", address, server.WirePort)));
    }

    private static async Task<string[]> CallFromAsync(NetworkNamespace other, ServerProcess server) =>
        Lines(await other.RunPythonAsync("peer.py", other.OwnAddress, server.WirePort.ToString(CultureInfo.InvariantCulture)));

    private static string[] Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}
