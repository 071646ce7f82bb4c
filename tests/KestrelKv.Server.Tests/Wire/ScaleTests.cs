using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using KestrelKv.Testing;
using Xunit.Abstractions;

namespace KestrelKv.Server.Tests.Wire;

/// <summary>Tests that measure memory or load the machine. They do not run in parallel with others.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Scale
{
    public const string Name = "scale";
}

/// <summary>Many connections at once, and many in sequence.</summary>
[Collection(Scale.Name)]
public sealed class ScaleTests(ITestOutputHelper output)
{
    private const int MiB = 1024 * 1024;

    [Fact]
    public async Task TenThousandConnections_AtOnce_AreServedAndTheirMemoryIsReleased()
    {
        const int Connections = 10_000;
        await using ServerProcess server = await ServerProcess.StartAsync();

        // A smaller round first, so that one-time costs of the process do not count.
        await HoldAsync(500);
        long before = server.ResidentBytes();

        long during = await HoldAsync(Connections);
        long after = 0;
        await Wait.UntilAsync(
            () => (after = server.ResidentBytes()) <= before + 50 * MiB,
            () => $"{after / MiB} MiB resident, {during / MiB} with the connections, {before / MiB} before");
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"resident MiB: {before / MiB} before, {during / MiB} with {Connections} connections, {after / MiB} after"));

        Assert.True(during <= before + 300 * MiB, $"{during / MiB} MiB resident with the connections, {before / MiB} before");
        await DefaultServer.AssertServesAsync(server.WirePort);
        server.AssertNoComplaint();

        async Task<long> HoldAsync(int connections)
        {
            using Process python = Start("idle.py", server.WirePort, connections);
            try
            {
                string? line = await python.StandardOutput.ReadLineAsync().WaitAsync(Wait.Patience);
                if (line is null) Assert.Fail(await python.StandardError.ReadToEndAsync());
                Assert.Equal($"{connections} connections served", line);
                Assert.Equal(connections, await OpenConnectionsAsync(server));
                await DefaultServer.AssertServesAsync(server.WirePort);
                long resident = server.ResidentBytes();

                await python.StandardInput.WriteLineAsync();
                await python.WaitForExitAsync().WaitAsync(Wait.Patience);
                Assert.Equal(0, python.ExitCode);
                await Wait.UntilAsync(async () => await OpenConnectionsAsync(server) == 0, () => "connections remain open");
                return resident;
            }
            finally
            {
                if (!python.HasExited) python.Kill();
            }
        }
    }

    [Fact]
    public async Task ThousandConnections_OpenedAndClosedDuringAStream_CauseNoFailure()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        output.WriteLine(await Python.RunAsync("churn.py", server.WirePort, 1_000));
        Assert.Equal(0, await server.StopAsync());
        server.AssertNoComplaint();
    }

    private static async Task<int> OpenConnectionsAsync(ServerProcess server)
    {
        using var http = new HttpClient();
        using JsonDocument stats = JsonDocument.Parse(await http.GetStringAsync(new Uri(server.Admin, "v1/stats")));
        return stats.RootElement.GetProperty("connections").GetInt32();
    }

    private static Process Start(string script, params int[] arguments)
    {
        var start = new ProcessStartInfo("python3")
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        start.ArgumentList.Add("-B");
        start.ArgumentList.Add(Python.PathTo(script));
        foreach (int argument in arguments) start.ArgumentList.Add(argument.ToString(CultureInfo.InvariantCulture));
        return Process.Start(start)!;
    }
}
