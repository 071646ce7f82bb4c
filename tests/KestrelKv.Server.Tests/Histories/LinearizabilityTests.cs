using System.Globalization;
using KestrelKv.Testing;
using KestrelKv.Testing.Histories;
using Xunit.Abstractions;

namespace KestrelKv.Server.Tests.Histories;

/// <summary>Histories of the real server over real connections, many at once, each on its own keys.</summary>
public sealed class LinearizabilityTests(ITestOutputHelper output)
{
    private const int LaneCount = 12;
    private const int ConnectionsMax = 5;
    private int _histories;
    private int _overlapping;

    [Theory]
    [InlineData("Always")]
    [InlineData("Memory")]
    public Task Calls_OfSeveralConnections_AreLinearizable(string durability) => Seeds.RunAsync(async random =>
    {
        await using var lives = new Lives([$"Data:Durability={durability}"]);
        await lives.BeginAsync();
        int[] seeds = [.. Enumerable.Range(0, LaneCount).Select(_ => random.Next())];
        await Task.WhenAll(seeds.Select((seed, lane) => Task.Run(() => RunLaneAsync(lives, lane, new Random(seed)))));
        Assert.True(_overlapping > _histories, $"{_overlapping} calls overlapped with others in {_histories} histories");
        output.WriteLine($"{_histories} histories, {_overlapping} calls that overlapped with others");
        lives.Server.AssertNoComplaint();
    });

    /// <summary>Runs histories one after another over the same connections.</summary>
    private async Task RunLaneAsync(Lives lives, int lane, Random random)
    {
        HistoryClient[] clients =
            [.. Enumerable.Range(0, ConnectionsMax).Select(_ => new HistoryClient(lives, new Random(random.Next()), resets: true))];
        foreach (HistoryClient client in clients) await client.ConnectAsync();
        foreach (long step in SoakTime.Steps())
        {
            var history = new History(string.Create(CultureInfo.InvariantCulture, $"{lane}.{step}."), random.Next(1, 4));
            await Task.WhenAll(
                clients.Take(random.Next(3, ConnectionsMax + 1)).Select(
                    client => client.RunAsync(history, history.Plan.Calls(new Random(random.Next()), random.Next(4, 9)))));
            history.Check();
            Interlocked.Increment(ref _histories);
            Interlocked.Add(ref _overlapping, history.CountOverlapping());
        }
        foreach (HistoryClient client in clients) client.Dispose();
    }
}
