using KestrelKv.Server.Hosting;
using KestrelKv.Server.Settings;
using KestrelKv.Server.Tests.Telemetry;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Lifecycle;

/// <summary>Connections never use the files that the server needs for itself.</summary>
public sealed class OpenFilesTests
{
    [Theory]
    [InlineData(long.MaxValue, 20_000)]
    [InlineData(20_512, 20_000)]
    [InlineData(20_511, 19_999)]
    [InlineData(1_024, 512)]
    [InlineData(528, 16)]
    public void Fit_OfALimit_ReservesFilesForTheServer(long limit, int connections)
    {
        var settings = new ServerSettings();
        string? warning = OpenFiles.Fit(settings, limit);
        Assert.Equal(connections, settings.Wire.ConnectionsMax);
        Assert.Equal(connections == 20_000, warning is null);
    }

    [Fact]
    public void Fit_OfTooFewFiles_RefusesToStart()
    {
        SettingsException e = Assert.Throws<SettingsException>(() => OpenFiles.Fit(new(), 527));
        Assert.StartsWith("the process may open 527 files, expected 20512: ", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Fit_OfFewConnections_NeedsFewFiles()
    {
        var settings = new ServerSettings();
        settings.Wire.ConnectionsMax = 1;
        Assert.Null(OpenFiles.Fit(settings, 513));
    }

    [Fact]
    public void ReadLimit_OfThisProcess_IsALimit() => Assert.InRange(OpenFiles.ReadLimit(), 1, long.MaxValue);

    [Fact]
    public async Task AdminHttp_SilentConnectionsUpToItsLimit_AreReplaced()
    {
        const int Max = 157; // WatchesMax + 156.
        await using ServerProcess server = await ServerProcess.StartAsync(["Admin:WatchesMax=1"]);
        List<WireClient> open = [];
        for (int i = 0; i <= Max; i++) open.Add(await WireClient.ConnectAsync(server.Admin.Port));

        // Which connection is closed depends on the order in which the thread pool starts them.
        Assert.True(await await Task.WhenAny(open.Select(IsClosedAsync)));
        for (int i = 0; i < 3; i++) await Scrape.OfAsync(server.Admin);
        await DefaultServer.AssertServesAsync(server.WirePort);
        foreach (WireClient client in open) client.Dispose();
    }

    private static async Task<bool> IsClosedAsync(WireClient client)
    {
        try
        {
            return await client.ReceiveAsync() is null;
        }
        catch (IOException)
        {
            return true;
        }
    }
}
