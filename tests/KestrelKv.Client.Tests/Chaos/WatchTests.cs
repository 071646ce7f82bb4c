using System.Collections.Concurrent;
using System.Globalization;
using KestrelKv.Testing;
using Xunit.Abstractions;

namespace KestrelKv.Client.Tests.Chaos;

/// <summary>Watches and mirrors whose connections are cut, while the server is killed and its history is discarded.</summary>
public sealed class WatchTests(ITestOutputHelper output)
{
    private const int Writers = 4;

    /// <summary>So little memory and such small segments that watches must read the log, which is kept completely.</summary>
    private static readonly string[] FullHistory =
    [
        "Data:SegmentBytes=1048576", "Data:SnapshotLogBytes=2097152", "Store:FeedMemoryBytes=1048576", "Data:HistoryBytes=1000000000000",
        "Data:HistoryTime=00:00:00",
    ];

    private static readonly string[] ShortHistory =
        ["Data:SegmentBytes=1048576", "Data:SnapshotLogBytes=1048576", "Data:HistoryBytes=2097152", "Store:FeedMemoryBytes=1048576"];

    private readonly ConcurrentBag<WatchEvent<string>> _written = [];
    private readonly List<(long Version, Dictionary<string, Entry<string>> Entries)> _snapshots = [];

    [Fact]
    public Task Watches_AcrossCutsAndKills_ReportEachCommitOnceAndInOrder() => Seeds.RunAsync(async random =>
    {
        await using RestartableServer server = await RestartableServer.StartAsync(FullHistory);
        await using var proxy = new FaultyProxy(server.Port, random);
        await using var writing = new KestrelKvClient(server.Options());
        await using var watching = new KestrelKvClient(OptionsFor(proxy));
        Record(WatchEventKind.Put, "a:first", "", (await writing.PutAsync("a:first", "")).Version);
        await using Mirror<string> mirror = await watching.MirrorAsync<string>("a:");
        using var stop = new CancellationTokenSource();
        Task<List<WatchEvent<string>>>[] watches = [.. ((string[])["", "a:", "b:"]).Select(prefix => CollectAsync(watching, prefix, stop.Token))];
        Task<List<WatchEvent<string>>> slow = CollectAsync(watching, "", stop.Token, new Random(random.Next()));

        bool isEnding = false;
        Task<int> snapshots = SnapshotAsync(watching, () => !Volatile.Read(ref isEnding));
        Task[] writers = [.. Enumerable.Range(0, Writers).Select(_ => random.Next()).Select(
            (seed, writer) => Task.Run(() => WriteAsync(writing, writer, new Random(seed), () => !Volatile.Read(ref isEnding))))];
        for (int round = SoakTime.Count(3, 40); round > 0; round--)
        {
            int target = _written.Count + random.Next(200, 1_500);
            await Wait.UntilAsync(() => _written.Count > target || writers.Any(writer => writer.IsFaulted), () => "no progress");
            Task snapshot = random.Next(2) == 0 ? server.Process.TryTakeSnapshotAsync() : Task.CompletedTask;
            if (random.Next(2) == 0) await snapshot;
            await server.RestartAsync();
            await snapshot;
        }
        Volatile.Write(ref isEnding, true);
        await Task.WhenAll(writers).WaitAsync(Wait.Patience);

        // The last commit ends the watches.
        long last = (await writing.PutAsync("a:end", "")).Version;
        long end = (await writing.PutAsync("b:end", "")).Version;
        WatchEvent<string>[] expected = [.. _written.Where(change => change.Version > 1).OrderBy(change => change.Version)];
        foreach (Task<List<WatchEvent<string>>> watch in (Task<List<WatchEvent<string>>>[])[.. watches, slow])
        {
            List<WatchEvent<string>> received = await watch.WaitAsync(Wait.Patience);
            string prefix = watch == watches[1] ? "a:" : watch == watches[2] ? "b:" : "";
            AssertSame([.. expected.Where(change => change.Key.StartsWith(prefix, StringComparison.Ordinal))], received);
        }
        await mirror.WaitForVersionAsync(last).WaitAsync(Wait.Patience);
        await AssertMirrorsAsync(writing, mirror, "a:");
        await stop.CancelAsync();
        Record(WatchEventKind.Put, "a:end", "", last);
        Record(WatchEventKind.Put, "b:end", "", end);
        int complete = await snapshots.WaitAsync(Wait.Patience);
        foreach ((long version, Dictionary<string, Entry<string>> entries) in _snapshots)
            Assert.Equal(Replay(version), entries.Values.OrderBy(entry => entry.Key, StringComparer.Ordinal));
        output.WriteLine($"{expected.Length} changes, {complete} snapshots, {proxy.Faults} cuts and stalls");
        Assert.True(complete > 0, "there was no snapshot");
        Assert.True(proxy.Faults > 0, "the network had no fault");
    });

    [Fact]
    public async Task Watch_WhoseHistoryWasDiscarded_EndsAndSnapshotsBeginAgain()
    {
        await using RestartableServer server = await RestartableServer.StartAsync(ShortHistory);
        await using var proxy = new FaultyProxy(server.Port, new Random(1)) { IsFaulty = false };
        await using var writing = new KestrelKvClient(server.Options());
        await using var watching = new KestrelKvClient(OptionsFor(proxy));
        await writing.PutAsync("gone", "1");
        await writing.PutAsync("kept", "1");
        using var stop = new CancellationTokenSource(Wait.Patience);
        await using IAsyncEnumerator<WatchEvent<string>> watch = watching.WatchAsync<string>("", cancellationToken: stop.Token).GetAsyncEnumerator(stop.Token);
        await using IAsyncEnumerator<WatchEvent<string>> snapshot =
            watching.SnapshotThenWatchAsync<string>("", cancellationToken: stop.Token).GetAsyncEnumerator(stop.Token);
        await using Mirror<string> mirror = await watching.MirrorAsync<string>("", stop.Token);
        foreach (WatchEventKind kind in (WatchEventKind[])[WatchEventKind.Reset, WatchEventKind.Put, WatchEventKind.Put, WatchEventKind.CaughtUp])
        {
            Assert.True(await snapshot.MoveNextAsync());
            Assert.Equal(kind, snapshot.Current.Kind);
        }
        ValueTask<bool> next = watch.MoveNextAsync();
        WatchEvent<string> opened = await PutUntilReportedAsync(writing, watch, next);

        // No watch has a connection while the server discards the changes that it needs next.
        proxy.IsClosed = true;
        proxy.CutAll();
        await writing.DeleteAsync("gone");
        string filler = new('x', 50_000);
        for (int i = 0; i < 120; i++) await writing.PutAsync("filler", filler);
        await server.Process.TryTakeSnapshotAsync();
        long last = (await writing.PutAsync("end", "1")).Version;
        proxy.IsClosed = false;

        HistoryCompactedException compacted = await Assert.ThrowsAsync<HistoryCompactedException>(async () =>
        {
            while (await watch.MoveNextAsync())
            {
            }
        });
        Assert.InRange(compacted.OldestVersion, opened.Version + 2, last);

        Dictionary<string, string?>? entries = null;
        int resets = 0;
        while (await snapshot.MoveNextAsync())
        {
            WatchEvent<string> change = snapshot.Current;
            if (change.Kind == WatchEventKind.Reset)
            {
                entries = [];
                resets++;
            }
            else if (change.Kind == WatchEventKind.Put)
            {
                entries?.Add(change.Key, change.Value);
            }
            else if (change.Kind == WatchEventKind.CaughtUp)
            {
                break;
            }
        }
        Assert.Equal(1, resets);
        Assert.Equal(["end", "filler", "kept", "opened"], entries!.Keys.Order(StringComparer.Ordinal));
        await mirror.WaitForVersionAsync(last, stop.Token);
        await AssertMirrorsAsync(writing, mirror, "");
    }

    /// <summary>The options for calls must not end a mirror: it waits for a connection for as long as necessary.</summary>
    [Fact]
    public async Task Mirror_WithFailFastAndAShortTimeout_SurvivesAnyOutage()
    {
        await using RestartableServer server = await RestartableServer.StartAsync(ShortHistory);
        await using var proxy = new FaultyProxy(server.Port, new Random(1)) { IsFaulty = false };
        KestrelKvClientOptions options = OptionsFor(proxy);
        (options.FailFast, options.Timeout, options.RetryTime) = (true, TimeSpan.FromMilliseconds(500), TimeSpan.FromSeconds(1));
        await using var client = new KestrelKvClient(options);
        await using var writing = new KestrelKvClient(server.Options());
        await writing.PutAsync("k", "1");
        await using Mirror<string> mirror = await client.MirrorAsync<string>("");
        for (int outage = 0; outage < 3; outage++)
        {
            proxy.IsClosed = true;
            proxy.CutAll();
            string filler = new('x', 50_000);
            for (int i = 0; i < 120; i++) await writing.PutAsync("filler", filler);
            await server.Process.TryTakeSnapshotAsync();

            // The lane of scans notices the outage, too.
            await Assert.ThrowsAnyAsync<KestrelKvException>(async () => await client.CountAsync(""));
            proxy.IsClosed = false;
            WriteResult end = await writing.PutAsync("end", outage.ToString(CultureInfo.InvariantCulture));
            await mirror.WaitForVersionAsync(end.Version).WaitAsync(Wait.Patience);
            await AssertMirrorsAsync(writing, mirror, "");
        }
    }

    private static KestrelKvClientOptions OptionsFor(FaultyProxy proxy)
    {
        KestrelKvClientOptions options = RestartableServer.Options(proxy.Port);
        options.StallTimeout = TimeSpan.FromMilliseconds(500);
        options.ConnectTimeout = TimeSpan.FromSeconds(2);
        options.ProgressInterval = TimeSpan.FromMilliseconds(300);
        return options;
    }

    /// <summary>Writes until the watch reports a write, so that it is open.</summary>
    private static async Task<WatchEvent<string>> PutUntilReportedAsync(
        KestrelKvClient client, IAsyncEnumerator<WatchEvent<string>> watch, ValueTask<bool> next)
    {
        Task<bool> reported = next.AsTask();
        await Wait.UntilAsync(
            async () =>
            {
                await client.PutAsync("opened", "1");
                return reported.IsCompleted;
            },
            () => "the watch reports nothing");
        Assert.True(await reported);
        return watch.Current;
    }

    /// <summary>Watches until the key <c>end</c>. With a random generator, it pauses at times.</summary>
    private static Task<List<WatchEvent<string>>> CollectAsync(KestrelKvClient client, string prefix, CancellationToken stop, Random? pauses = null) => Task.Run(async () =>
    {
        List<WatchEvent<string>> changes = [];
        await foreach (WatchEvent<string> change in client.WatchAsync<string>(prefix, new WatchOptions { FromVersion = 2 }, stop))
        {
            if (change.Key is "b:end" || (change.Key is "a:end" && prefix != "b:")) break;
            changes.Add(change);
            if (pauses?.Next(200) == 0) await Task.Delay(pauses.Next(100), stop);
        }
        return changes;
    });

    /// <summary>
    /// Takes snapshots with watches, one after another, and records each when it is complete and a little later. No event may set an entry back.
    /// </summary>
    /// <returns>The number of complete snapshots.</returns>
    private Task<int> SnapshotAsync(KestrelKvClient client, Func<bool> continues) => Task.Run(async () =>
    {
        int complete = 0;
        while (continues())
        {
            Dictionary<string, Entry<string>> entries = [];
            Dictionary<string, long> versions = [];
            int left = int.MaxValue;
            await foreach (WatchEvent<string> change in client.SnapshotThenWatchAsync<string>("", new WatchOptions { ReportProgress = true }))
            {
                if (change.Kind == WatchEventKind.Reset)
                {
                    entries.Clear();
                    versions.Clear();
                    continue;
                }
                if (change.Key != "")
                {
                    Assert.True(versions.GetValueOrDefault(change.Key) < change.Version, $"{change} came after version {versions.GetValueOrDefault(change.Key)}");
                    versions[change.Key] = change.Version;
                    Apply(entries, change);
                    continue;
                }
                if (change.Kind == WatchEventKind.CaughtUp) (complete, left) = (complete + 1, 5);
                _snapshots.Add((change.Version, new(entries)));
                if (--left == 0 || !continues()) break;
            }
        }
        return complete;
    });

    /// <summary>Returns the entries as of a version.</summary>
    private IEnumerable<Entry<string>> Replay(long version)
    {
        Dictionary<string, Entry<string>> entries = [];
        foreach (WatchEvent<string> change in _written.Where(change => change.Version <= version).OrderBy(change => change.Version)) Apply(entries, change);
        return entries.Values.OrderBy(entry => entry.Key, StringComparer.Ordinal);
    }

    private static void Apply(Dictionary<string, Entry<string>> entries, WatchEvent<string> change)
    {
        if (change.IsRemoval) entries.Remove(change.Key);
        else if (change.Kind == WatchEventKind.Put) entries[change.Key] = new(change.Key, true, change.Value, change.Version, change.ExpiresAt);

        // The entry may have been removed before its page was read: the removal follows.
        else if (entries.TryGetValue(change.Key, out Entry<string> entry))
            entries[change.Key] = entry with { Version = change.Version, ExpiresAt = change.ExpiresAt };
    }

    /// <summary>Makes random writes to keys that no other writer uses, and records their commits.</summary>
    private async Task WriteAsync(KestrelKvClient client, int writer, Random random, Func<bool> continues)
    {
        for (int i = 0; continues(); i++)
        {
            string key = string.Create(CultureInfo.InvariantCulture, $"{(random.Next(2) == 0 ? "a:" : "b:")}{writer}:{random.Next(40)}");
            string value = string.Create(CultureInfo.InvariantCulture, $"{writer}.{i} {new string('x', random.Next(40) == 0 ? random.Next(40_000) : random.Next(50))}");
            switch (random.Next(10))
            {
                case < 5:
                    Record(WatchEventKind.Put, key, value, (await client.PutAsync(key, value)).Version);
                    break;
                case < 7:
                    WriteResult removed = await client.DeleteAsync(key);
                    if (removed.Existed) Record(WatchEventKind.Delete, key, null, removed.Version);
                    break;
                case < 8:
                    DateTimeOffset time = DateTimeOffset.FromUnixTimeSeconds(4_000_000_000 + i);
                    WriteResult expiry = await client.ExpireAsync(key, Expiry.At(time));
                    if (expiry.Existed) Record(WatchEventKind.SetExpiry, key, null, expiry.Version, time);
                    break;
                default:
                    string other = $"{key}:other";
                    BatchResult batch = await client.CreateBatch().Put(key, value).Put(other, value).CommitAsync();
                    Record(WatchEventKind.Put, key, value, batch.Version);
                    Record(WatchEventKind.Put, other, value, batch.Version);
                    break;
            }
        }
    }

    private void Record(WatchEventKind kind, string key, string? value, long version, DateTimeOffset? expiresAt = null) =>
        _written.Add(new(kind, key, value, version, expiresAt));

    /// <summary>Compares changes. Those of one commit may have any order.</summary>
    private static void AssertSame(WatchEvent<string>[] expected, List<WatchEvent<string>> received)
    {
        Assert.True(received.Zip(received.Skip(1)).All(pair => pair.First.Version <= pair.Second.Version), "the versions are not in order");
        WatchEvent<string>[] sorted = [.. received.OrderBy(change => change.Version).ThenBy(change => change.Key, StringComparer.Ordinal)];
        WatchEvent<string>[] wanted = [.. expected.OrderBy(change => change.Version).ThenBy(change => change.Key, StringComparer.Ordinal)];
        for (int i = 0; i < Math.Min(sorted.Length, wanted.Length); i++)
            Assert.True(sorted[i] == wanted[i], $"change {i} of {wanted.Length} is {sorted[i]}, expected {wanted[i]}");
        Assert.Equal(wanted.Length, sorted.Length);
    }

    private static async Task AssertMirrorsAsync(KestrelKvClient client, Mirror<string> mirror, string prefix)
    {
        List<Entry<string>> stored = [];
        await foreach (Entry<string> entry in client.ScanAsync<string>(prefix)) stored.Add(entry);
        Assert.Equal(stored, mirror.Values.OrderBy(entry => entry.Key, StringComparer.Ordinal));
    }
}
