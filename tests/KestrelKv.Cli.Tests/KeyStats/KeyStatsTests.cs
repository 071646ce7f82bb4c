using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Output;
using KestrelKv.Cli.Tests.Hosting;
using KestrelKv.Client;

namespace KestrelKv.Cli.Tests.KeyStats;

/// <summary>The statistics of the keys of a real server.</summary>
public sealed class KeyStatsTests(ServerFixture fixture) : IClassFixture<ServerFixture>, IAsyncLifetime
{
    private const int Keys = 5_000;

    public async Task InitializeAsync()
    {
        await using KestrelKvClient client = fixture.Connect();
        for (int i = 0; i < Keys; i += 1_000)
        {
            Batch batch = client.CreateBatch();
            for (int j = i; j < i + 1_000; j++)
                batch.PutUtf8(KeyOf(j), ValueOf(j), new() { Expiry = j % 10 == 0 ? TimeSpan.FromMinutes(30) : Expiry.Never });
            await batch.CommitAsync();
        }
    }

    public Task DisposeAsync() => Task.CompletedTask;

    [Fact]
    public async Task Pipe_PrintsExactSums()
    {
        using var kkv = new Kkv(fixture.Server);
        KkvResult result = await kkv.RunAsync("keystats", "stats:", "--depth", "1", "--top", "2");
        Assert.Equal((ExitCode.Ok, ""), (result.ExitCode, result.Error));
        JsonElement json = JsonDocument.Parse(result.Output).RootElement;
        Assert.True(json.GetProperty("complete").GetBoolean());
        Assert.Equal((Keys, Size(0, Keys), Keys / 10), Figures(json));
        Assert.Equal(10, json.GetProperty("prefixes").GetArrayLength());
        Assert.Equal("stats:0:", json.GetProperty("prefixes")[0].GetProperty("prefix").GetString());
        Assert.Equal(Keys / 10, json.GetProperty("prefixes")[0].GetProperty("keys").GetInt32());
        Assert.Equal(Keys / 10, json.GetProperty("expiring_within").GetProperty("hour").GetInt32());
        Assert.Equal(Enumerable.Range(0, Keys).Max(i => Size(i, i + 1)), json.GetProperty("largest")[0].GetProperty("bytes").GetInt64());
    }

    [Fact]
    public async Task Table_AndChart_ShowTheLargestGroups()
    {
        using var kkv = new Kkv(fixture.Server);
        KkvResult table = await kkv.RunAsync("keystats", "stats:", "--depth", "1", "--top", "2", "-o", "table", "--prefixes-max", "5");
        Assert.Contains("all of stats:", table.Output, StringComparison.Ordinal);
        Assert.Contains("(8 other prefixes)", table.Output, StringComparison.Ordinal);
        KkvResult chart = await kkv.RunAsync("keystats", "stats:", "--depth", "1", "--chart");
        Assert.Equal(10, chart.Output.Split('\n').Count(line => line.Contains("████", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Terminal_ShowsProgress()
    {
        using var kkv = new Kkv(fixture.Server);
        KkvResult result = await kkv.RunInTerminalAsync("", "keystats", "stats:", "--no-color");
        Assert.Contains($"of {Keys.ToString("N0", CultureInfo.InvariantCulture)} keys", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Interrupted_PrintsThePartialResult_AndResumes()
    {
        using var kkv = new Kkv(fixture.Server);
        using var proxy = new StalledProxy(fixture.Server.WirePort, 500_000);
        using Process process = kkv.Start("keystats", "stats:", "--url", $"{proxy.Url}?StallTimeout=60", "--timeout", "60");
        await proxy.Stalled;
        await Kkv.SignalAsync(process, "INT");
        KkvResult interrupted = await Kkv.EndAsync(process);
        Assert.Equal(ExitCode.Interrupted, interrupted.ExitCode);
        JsonElement part = JsonDocument.Parse(interrupted.Output).RootElement;
        string position = part.GetProperty("position").GetString()!;
        Assert.False(part.GetProperty("complete").GetBoolean());
        Assert.Contains($"--resume {DisplayText.ShellWord(position)}.", interrupted.Error, StringComparison.Ordinal);

        KkvResult resumed = await kkv.RunAsync("keystats", "stats:", "--resume", position, "--timeout", "60");
        Assert.Equal((ExitCode.Ok, ""), (resumed.ExitCode, resumed.Error));
        JsonElement rest = JsonDocument.Parse(resumed.Output).RootElement;
        Assert.Equal(position, rest.GetProperty("after").GetString());
        ((int keys, long bytes, int expiring), (int restKeys, long restBytes, int restExpiring)) = (Figures(part), Figures(rest));
        Assert.InRange(keys, 1, Keys - 1);
        Assert.Equal((Keys, Size(0, Keys), Keys / 10), (keys + restKeys, bytes + restBytes, expiring + restExpiring));
    }

    [Theory]
    [InlineData("--delimiter", "")]
    [InlineData("--depth", "-1")]
    [InlineData("--prefixes-max", "0")]
    public async Task InvalidOptions_AreRefused(string option, string value)
    {
        using var kkv = new Kkv(fixture.Server);
        KkvResult result = await kkv.RunAsync("keystats", option, value);
        Assert.Equal(ExitCode.Usage, result.ExitCode);
        Assert.Contains($"{option} is ", result.Error, StringComparison.Ordinal);
    }

    private static string KeyOf(int i) => $"stats:{i / (Keys / 10)}:{i:D5}{(i % 7 == 0 ? "\n\"😀" : "")}";

    private static byte[] ValueOf(int i) => Encoding.UTF8.GetBytes($$"""{"n": 1.0, "s": "{{new string('x', i % 300)}}"}""");

    private static long Size(int from, int to) =>
        Enumerable.Range(from, to - from).Sum(i => (long)Encoding.UTF8.GetByteCount(KeyOf(i)) + ValueOf(i).Length);

    private static (int Keys, long Bytes, int Expiring) Figures(JsonElement json) =>
        (json.GetProperty("keys").GetInt32(), json.GetProperty("bytes").GetInt64(), json.GetProperty("expiring").GetInt32());
}
