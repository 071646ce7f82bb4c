using System.Globalization;
using KestrelKv.Testing;
using KestrelKv.Testing.Histories;
using Xunit.Abstractions;

namespace KestrelKv.Server.Tests.Histories;

/// <summary>
/// Histories that are interrupted by a kill and continue on the same keys with the next server. A call without a reply took effect before
/// the kill or never. A call with a request id is retried, and takes effect once.
/// </summary>
public sealed class KillHistoryTests(ITestOutputHelper output)
{
    private const int LaneCount = 30;
    private const int ConnectionsEach = 4;
    private const int CallsEach = 8;
    private const int IncrementsEach = 100;

    private static readonly int Rounds = SoakTime.Duration >= TimeSpan.FromMinutes(1) ? 100 : 6;

    private readonly List<HistoryClient> _clients = [];
    private int _replies;

    [Fact]
    public Task Kill_DuringHistories_KeepsThemLinearizableAndRepeatsNoCall() => Seeds.RunAsync(async random =>
    {
        await using var lives = new Lives(["Data:SegmentBytes=1048576", "Data:SnapshotLogBytes=1048576"]);
        await lives.BeginAsync();
        for (int i = 0; i < (LaneCount + 1) * ConnectionsEach; i++) _clients.Add(new(lives, new Random(random.Next()), resets: false));
        var sum = new History("sum.", 1);
        for (int round = 0; round < Rounds; round++) await RunRoundAsync(lives, round, sum, random);
        foreach (HistoryClient client in _clients) client.Dispose();

        output.WriteLine($"{_clients.Sum(client => client.Losses)} connections were lost");
        Assert.True(_clients.Sum(client => client.Losses) > Rounds, "the kills interrupted nothing");
        AssertEachExecutedOnce(sum);
        lives.Server.AssertNoComplaint(afterKill: true);
    });

    private async Task RunRoundAsync(Lives lives, int round, History sum, Random random)
    {
        foreach (HistoryClient client in _clients) await client.ConnectAsync();
        var half = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        int killAt = random.Next(LaneCount * ConnectionsEach * CallsEach / 2);
        _replies = 0;
        void count()
        {
            if (Interlocked.Increment(ref _replies) == killAt + 1) half.SetResult();
        }

        History[] histories =
        [
            .. Enumerable.Range(0, LaneCount).Select(lane => new History(
                string.Create(CultureInfo.InvariantCulture, $"{round}.{lane}."), random.Next(1, 4))),
        ];
        Task[] running = [.. _clients.Select((client, number) =>
        {
            History history = number / ConnectionsEach < LaneCount ? histories[number / ConnectionsEach] : sum;
            IEnumerable<Call> calls = history == sum ? Increments() : history.Plan.Calls(new Random(random.Next()), CallsEach);
            return Task.Run(() => client.RunAsync(history, calls, count));
        })];
        await half.Task.WaitAsync(Wait.Patience);
        await lives.KillAsync();
        if (random.Next(3) == 0) await lives.KillWhileStartingAsync(TimeSpan.FromMilliseconds(random.Next(100)));
        await lives.BeginAsync();
        await Task.WhenAll(running).WaitAsync(Wait.Patience);
        foreach (History history in histories) history.Check();
    }

    private static IEnumerable<Call> Increments() =>
        Enumerable.Range(0, IncrementsEach).Select(
            _ => new Call(CallForm.Unbatched, new Step(StepKind.Incr, 0, 1)) { RequestId = Guid.NewGuid().ToString() });

    /// <summary>Asserts that each increment finally got a reply, and that no two got the same sum.</summary>
    private static void AssertEachExecutedOnce(History sum)
    {
        Assert.Equal(Rounds * ConnectionsEach * IncrementsEach, sum.Calls.Count);
        Assert.Equal(
            Enumerable.Range(1, sum.Calls.Count).Select(n => (long?)n), sum.Calls.Select(call => call.Reply?.Steps[0].Value).Order());
    }
}
