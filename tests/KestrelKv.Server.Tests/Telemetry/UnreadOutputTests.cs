using System.Diagnostics;
using System.Globalization;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Telemetry;

/// <summary>A server whose standard output is a full pipe without a reader.</summary>
public sealed class UnreadOutputTests
{
    /// <summary>At the level Verbose each connection logs at least two lines: together more than a pipe of 64 KiB holds.</summary>
    private const int Connections = 2_000;

    [Fact]
    public async Task Server_WithUnreadOutput_ServesAndStops()
    {
        int port = FreePort.Find();
        using var data = new DataDirectory();
        using Process server = Start(port, data);
        try
        {
            await Wait.UntilAsync(async () => await TryConnectAsync(port), () => "the server does not serve");

            for (int i = 0; i < Connections; i++) await DefaultServer.AssertServesAsync(port);
            using (Process kill = Process.Start("kill", ["-s", "TERM", server.Id.ToString(CultureInfo.InvariantCulture)]))
                await kill.WaitForExitAsync();
            await server.WaitForExitAsync().WaitAsync(Wait.Patience);
            Assert.Equal(0, server.ExitCode);
        }
        finally
        {
            if (!server.HasExited) server.Kill();
        }
    }

    private static Process Start(int port, DataDirectory data)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true };
        foreach (string argument in (string[])
        [
            Repository.ServerDll, $"--KestrelKv:Wire:Port={port}", "--KestrelKv:Wire:Address=127.0.0.1", "--KestrelKv:Admin:Port=0",
            "--KestrelKv:Admin:Address=127.0.0.1", $"--KestrelKv:Data:Directory={data.FullPath}", "--Serilog:MinimumLevel:Default=Verbose",
            "--Serilog:MinimumLevel:Override:Microsoft=Verbose",
        ])
            start.ArgumentList.Add(argument);
        return Process.Start(start)!;
    }

    private static async Task<bool> TryConnectAsync(int port)
    {
        try
        {
            await DefaultServer.AssertServesAsync(port);
            return true;
        }
        catch (System.Net.Sockets.SocketException)
        {
            return false;
        }
    }
}
