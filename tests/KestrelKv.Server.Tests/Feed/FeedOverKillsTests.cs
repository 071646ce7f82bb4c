using KestrelKv.Server.Tests.Data;
using KestrelKv.Server.Tests.Histories;
using KestrelKv.Testing;
using Xunit.Abstractions;

namespace KestrelKv.Server.Tests.Feed;

/// <summary>
/// Watchers that are repeatedly disconnected, while clients write, snapshots are taken, and the server is stopped and killed. In the end
/// they have received the history of all commits in order, without gaps or duplicates.
/// </summary>
public sealed class FeedOverKillsTests(ITestOutputHelper output)
{
    private const int WriterCount = 4;

    /// <summary>So little memory and such small segments that the feed must read the log, which is kept completely.</summary>
    private static readonly string[] Settings =
    [
        "Data:SegmentBytes=1048576", "Data:SnapshotLogBytes=2097152", "Store:FeedMemoryBytes=1048576",
        "Data:HistoryBytes=1000000000000", "Data:HistoryTime=00:00:00",
    ];

    private static readonly int Rounds = SoakTime.Duration >= TimeSpan.FromMinutes(1) ? 100 : 5;

    /// <summary>The version up to which watchers continue.</summary>
    private long _target = long.MaxValue;

    [Fact]
    public Task Feed_AcrossDisconnectionsSnapshotsStopsAndKills_IsTheHistoryOfCommits() => Seeds.RunAsync(async random =>
    {
        await using var lives = new Lives(Settings);
        FeedWriter[] writers = [.. Enumerable.Range(0, WriterCount).Select(number => new FeedWriter(number, new Random(random.Next())))];
        var everything = new WireWatcher(lives, "", new Random(random.Next()));
        IFeedWatcher[] watchers =
        [
            everything, new WireWatcher(lives, "a:", new Random(random.Next())), new WireWatcher(lives, "é:", new Random(random.Next())),
            new EventWatcher(lives, "", new Random(random.Next())), new EventWatcher(lives, "b:", new Random(random.Next())),
        ];
        await lives.BeginAsync();
        Task watching = WatchAsync(watchers);
        for (int round = 0; round < Rounds; round++) await RunRoundAsync(lives, writers, random);
        await RunWritersAsync(lives, writers, random.Next(1_000), () => Task.CompletedTask);
        await CatchUpAsync(lives, everything, watchers, watching);

        output.WriteLine(
            $"{everything.Feed.Changes.Count} changes; {string.Join(", ", watchers.Select(watcher => watcher.Watches))} watches");
        new CommitHistory(everything.Feed.Changes).Check([.. writers.SelectMany(writer => writer.Calls)]);
        Assert.Equal(ReplayedEntries.Replay(everything.Feed.Changes), await ReplayedEntries.ScanAsync(lives.Now.WirePort));
        foreach (CollectedFeed feed in watchers.Select(watcher => watcher.Feed))
            Assert.Equal(
                everything.Feed.Changes.Where(change => change.Key.StartsWith(feed.Prefix, StringComparison.Ordinal)), feed.Changes);
        lives.Server.AssertNoComplaint(afterKill: true);
    });

    private static Task RunRoundAsync(Lives lives, FeedWriter[] writers, Random random) =>
        RunWritersAsync(lives, writers, random.Next(2_000), async () =>
    {
        Task snapshot = random.Next(2) == 0 ? lives.Server.TryTakeSnapshotAsync() : Task.CompletedTask;
        bool isKilled = random.Next(4) > 0;
        if (!isKilled || random.Next(4) == 0) await snapshot;
        if (!isKilled) await lives.StopAsync();
        else await lives.KillAsync();
        await snapshot;
        if (random.Next(4) == 0) await lives.KillWhileStartingAsync(TimeSpan.FromMilliseconds(random.Next(100)));
        await lives.BeginAsync();
    });

    /// <summary>Writes until a number of replies have arrived, and performs an action on the server meanwhile.</summary>
    private static async Task RunWritersAsync(Lives lives, FeedWriter[] writers, int count, Func<Task> end)
    {
        var enough = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var ended = new CancellationTokenSource();
        int replies = 0;
        bool onReply()
        {
            if (Interlocked.Increment(ref replies) == count + 1) enough.SetResult();
            return !ended.IsCancellationRequested;
        }

        Task[] running = [.. writers.Select(writer => Task.Run(() => writer.RunAsync(lives.Now, onReply)))];
        await enough.Task.WaitAsync(Wait.Patience);
        await end();
        await ended.CancelAsync();
        await Task.WhenAll(running).WaitAsync(Wait.Patience);
    }

    private Task WatchAsync(IFeedWatcher[] watchers) =>
        Task.WhenAll(
            watchers.Select(watcher => Task.Run(() => watcher.RunAsync(() => watcher.Feed.Position < Volatile.Read(ref _target)))));

    /// <summary>Waits, without further writes, until watchers have received the expiry of all entries that expire soon.</summary>
    private Task CatchUpAsync(Lives lives, WireWatcher everything, IFeedWatcher[] watchers, Task watching) => Wait.UntilAsync(
        async () =>
        {
            Volatile.Write(ref _target, await Contents.VersionAsync(lives.Server));
            await watching.WaitAsync(Wait.Patience);
            await (watching = WatchAsync(watchers)).WaitAsync(Wait.Patience);
            return !ReplayedEntries.Replay(everything.Feed.Changes).Exists(entry => entry.ExpiresSoon) &&
                await Contents.VersionAsync(lives.Server) == _target;
        },
        () => "the feed lacks the changes of expired entries");
}
