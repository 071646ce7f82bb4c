using KestrelKv.Client.Tests.Connections;
using KestrelKv.Testing;

namespace KestrelKv.Client.Tests.Watching;

/// <summary>A watch against a scripted server: it continues after broken connections without gap and repetition.</summary>
public sealed class WatchTests
{
    private readonly ScriptedServer _server = new();

    [Fact]
    public async Task Watch_ConnectionBreaksAfterEachFrame_ContinuesWithoutGapAndRepetition()
    {
        await using KestrelKvClient client = _server.CreateClient();
        await using IAsyncEnumerator<WatchEvent<int>> events = client.WatchAsync<int>("p", new() { FromVersion = 5 }).GetAsyncEnumerator();
        ValueTask<bool> next = events.MoveNextAsync();
        for (int version = 5; version < 12; version++)
        {
            ScriptedConnection connection = await _server.AcceptAsync();
            Assert.Equal(Opening(version), await connection.ReadAsync());
            connection.Reply(Opened(version - 1));
            connection.Reply(Changes(version, Put("a", version, version * 10), Put("b", version, version * 10 + 1)));
            // Half of a frame does not count.
            connection.Send(Frames.Of(Changes(version + 1, Put("c", version + 1, 0)))[..^1]);
            connection.Close();
            Assert.True(await next);
            Assert.Equal(new(WatchEventKind.Put, "a", version * 10, version, null), events.Current);
            Assert.True(await events.MoveNextAsync());
            Assert.Equal(new(WatchEventKind.Put, "b", version * 10 + 1, version, null), events.Current);
            next = events.MoveNextAsync();
        }
        await client.DisposeAsync();
        await Assert.ThrowsAsync<NotSentException>(() => next.AsTask());
    }

    [Fact]
    public async Task Watch_WithoutFromVersion_ContinuesAfterTheVersionAtWhichItOpened()
    {
        await using KestrelKvClient client = _server.CreateClient();
        await using IAsyncEnumerator<WatchEvent<int>> events = client.WatchAsync<int>("p").GetAsyncEnumerator();
        ValueTask<bool> next = events.MoveNextAsync();
        ScriptedConnection first = await _server.AcceptAsync();
        Assert.Equal(Opening(null), await first.ReadAsync());
        first.Reply(Opened(7));
        first.Close();
        ScriptedConnection second = await _server.AcceptAsync();
        Assert.Equal(Opening(8), await second.ReadAsync());
        second.Reply(Opened(9));
        // An empty frame reports progress: the next watch begins after it.
        second.Reply(Changes(20));
        second.Close();
        ScriptedConnection third = await _server.AcceptAsync();
        Assert.Equal(Opening(21), await third.ReadAsync());
        third.Reply(Opened(20));
        third.Reply(Changes(21, """{"kind": "delete", "obj": "x", "version": 21}"""));
        Assert.True(await next);
        Assert.Equal(new(WatchEventKind.Delete, "x", 0, 21, null), events.Current);
    }

    [Fact]
    public async Task Watch_EachKindOfChange()
    {
        await using KestrelKvClient client = _server.CreateClient();
        await using IAsyncEnumerator<WatchEvent<int>> events = client.WatchAsync<int>("p").GetAsyncEnumerator();
        ValueTask<bool> next = events.MoveNextAsync();
        ScriptedConnection connection = await _server.AcceptAsync();
        await connection.ReadAsync();
        connection.Reply(Opened(0));
        connection.Reply(Changes(
            1, Put("a", 1, 5), """{"kind": "set_expiry", "obj": "a", "version": 1, "expires_at": 10.5}""", """{"kind": "delete", "obj": "a", "version": 1}""",
            """{"kind": "expire", "obj": "a", "version": 1}""", """{"kind": "evict", "obj": "\u00e4\"", "version": 1}"""));
        List<WatchEvent<int>> read = [];
        for (; read.Count < 5; next = events.MoveNextAsync())
        {
            Assert.True(await next);
            read.Add(events.Current);
        }
        Assert.Equal(
        [
            new(WatchEventKind.Put, "a", 5, 1, null), new(WatchEventKind.SetExpiry, "a", 0, 1, DateTimeOffset.UnixEpoch.AddSeconds(10.5)),
            new(WatchEventKind.Delete, "a", 0, 1, null), new(WatchEventKind.Expire, "a", 0, 1, null), new(WatchEventKind.Evict, "\u00e4\"", 0, 1, null),
        ], read);
        connection.Break();
        await client.DisposeAsync();
        await Assert.ThrowsAsync<NotSentException>(() => next.AsTask());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Watch_Compacted_FailsWithTheOldestVersion(bool whileOpen)
    {
        await using KestrelKvClient client = _server.CreateClient();
        await using IAsyncEnumerator<WatchEvent<int>> events = client.WatchAsync<int>("p", new() { FromVersion = 5 }).GetAsyncEnumerator();
        ValueTask<bool> next = events.MoveNextAsync();
        ScriptedConnection connection = await _server.AcceptAsync();
        await connection.ReadAsync();
        if (whileOpen) connection.Reply(Opened(4));
        connection.Reply(ScriptedConnection.Error("compacted", ", \"oldest_version\": 40"));
        Assert.Equal(40, (await Assert.ThrowsAsync<HistoryCompactedException>(() => next.AsTask())).OldestVersion);
        await connection.AwaitEndAsync();
    }

    [Fact]
    public async Task Watch_Forbidden_FailsAndTransientRefusalsAreRetried()
    {
        await using KestrelKvClient client = _server.CreateClient();
        await using IAsyncEnumerator<WatchEvent<int>> events = client.WatchAsync<int>("p").GetAsyncEnumerator();
        ValueTask<bool> next = events.MoveNextAsync();
        foreach (string code in (string[])["too_many_watches", "disk_failed", "auth_revoked", "internal_error"])
        {
            ScriptedConnection refusing = await _server.AcceptAsync();
            await refusing.ReadAsync();
            refusing.Reply(ScriptedConnection.Error(code));
        }
        ScriptedConnection last = await _server.AcceptAsync();
        await last.ReadAsync();
        last.Reply(ScriptedConnection.Error("forbidden"));
        Assert.Equal("forbidden", (await Assert.ThrowsAsync<RefusedException>(() => next.AsTask())).Code);
    }

    [Fact]
    public async Task Watch_ConnectionsBreakAtOnce_PausesBecomeLonger()
    {
        var time = new TestTime();
        await using KestrelKvClient client = _server.CreateClient(
            options => (options.Time, options.ReconnectDelayMax) = (time, TimeSpan.FromSeconds(10)));
        await using IAsyncEnumerator<WatchEvent<int>> events = client.WatchAsync<int>("p").GetAsyncEnumerator();
        ValueTask<bool> next = events.MoveNextAsync();
        long begin = time.GetTimestamp();
        for (int i = 0; i < 8; i++)
        {
            Task<ScriptedConnection> accepting = _server.AcceptAsync();
            await Clock.AdvanceUntilAsync(time, accepting, TimeSpan.FromMilliseconds(20));
            ScriptedConnection connection = await accepting;
            await connection.ReadAsync();
            connection.Reply(Opened(3));
            connection.Close();
        }

        // The limits of the random pauses are 50 ms, 100 ms, ..., 6.4 s.
        Assert.True(time.GetElapsedTime(begin) > TimeSpan.FromSeconds(0.4), $"8 connections broke within {time.GetElapsedTime(begin)}.");
        await client.DisposeAsync();
        await Assert.ThrowsAsync<NotSentException>(() => next.AsTask());
    }

    [Fact]
    public async Task Snapshot_CompactedAgainAndAgain_PausesBecomeLonger()
    {
        var time = new TestTime();
        await using KestrelKvClient client = _server.CreateClient(
            options => (options.Time, options.ReconnectDelayMax) = (time, TimeSpan.FromSeconds(10)));
        await using IAsyncEnumerator<WatchEvent<int>> events = client.SnapshotThenWatchAsync<int>("p").GetAsyncEnumerator();
        long begin = time.GetTimestamp();
        ScriptedConnection? scans = null;
        Task<bool> next = events.MoveNextAsync().AsTask();
        for (int i = 0; i < 8; i++)
        {
            ScriptedConnection anchor = await AcceptAsync();
            await anchor.ReadAsync();
            anchor.Reply(Opened(3));
            Assert.True(await next);
            Assert.Equal(WatchEventKind.Reset, events.Current.Kind);

            next = events.MoveNextAsync().AsTask();
            scans ??= await AcceptAsync();
            for (int page = 0; page < 2; page++)
            {
                await scans.ReadAsync();
                scans.Reply("""{"status": "OK", "response": {"func": "SCAN", "response": {"entries": [], "next": null, "version": 3}}}""");
            }
            ScriptedConnection watch = await AcceptAsync();
            await watch.ReadAsync();
            watch.Reply(ScriptedConnection.Error("compacted", ", \"oldest_version\": 40"));
        }
        Assert.True(time.GetElapsedTime(begin) > TimeSpan.FromSeconds(0.4), $"8 snapshots within {time.GetElapsedTime(begin)}.");
        await client.DisposeAsync();
        await Assert.ThrowsAsync<NotSentException>(() => next);

        async Task<ScriptedConnection> AcceptAsync()
        {
            Task<ScriptedConnection> accepting = _server.AcceptAsync();
            await Clock.AdvanceUntilAsync(time, accepting, TimeSpan.FromMilliseconds(20));
            return await accepting;
        }
    }

    [Theory]
    [InlineData("""{"status": "OK", "response": {"func": "WATCH", "response": "ERROR - Function doesn't exist"}}""")]
    [InlineData("nonsense")]
    public async Task Watch_ReplyThatIsNone_Fails(string reply)
    {
        await using KestrelKvClient client = _server.CreateClient();
        await using IAsyncEnumerator<WatchEvent<int>> events = client.WatchAsync<int>("p").GetAsyncEnumerator();
        ValueTask<bool> next = events.MoveNextAsync();
        ScriptedConnection connection = await _server.AcceptAsync();
        await connection.ReadAsync();
        connection.Reply(reply);
        await Assert.ThrowsAsync<OutcomeUnknownException>(() => next.AsTask().WaitAsync(Wait.Patience));
    }

    [Fact]
    public async Task Watch_NothingForThreeIntervals_Reconnects()
    {
        var time = new TestTime();
        await using KestrelKvClient client = _server.CreateClient(options => (options.Time, options.ProgressInterval) = (time, TimeSpan.FromSeconds(5)));
        await using IAsyncEnumerator<WatchEvent<int>> events = client.WatchAsync<int>("p").GetAsyncEnumerator();
        ValueTask<bool> next = events.MoveNextAsync();
        ScriptedConnection first = await _server.AcceptAsync();
        await first.ReadAsync();
        first.Reply(Opened(3));
        Task<ScriptedConnection> accepting = _server.AcceptAsync();
        await Clock.AdvanceUntilAsync(time, accepting, TimeSpan.FromSeconds(1));
        ScriptedConnection second = await accepting;
        Assert.Equal(Opening(4), await second.ReadAsync());
        Assert.True(time.GetElapsedTime(0) >= TimeSpan.FromSeconds(15));
        second.Reply(Opened(3));
        second.Reply(Changes(4, Put("a", 4, 1)));
        Assert.True(await next);
        Assert.Equal(4, events.Current.Version);
    }

    [Fact]
    public async Task Snapshot_EntriesChangeBetweenPages_AreReportedOnceAndDeletionsFollow()
    {
        await using KestrelKvClient client = _server.CreateClient();
        Task<List<string>> reading = ReadAsync(client, 8);
        await OpenAnchorAsync();
        ScriptedConnection bulk = await _server.AcceptAsync();
        Assert.Contains("\"prefix\": \"p\", \"values\": true", await bulk.ReadAsync(), StringComparison.Ordinal);
        bulk.Reply(Page(10, "pa", Entry("pa", 3)));
        // "pa" is deleted at 11, and "pb" changes at 12, before the second page is read.
        Assert.Contains("\"after\": \"pa\"", await bulk.ReadAsync(), StringComparison.Ordinal);
        bulk.Reply(Page(12, null, Entry("pb", 12)));
        Assert.Contains("\"limit\": 1}", await bulk.ReadAsync(), StringComparison.Ordinal);
        bulk.Reply(Page(13, null));

        ScriptedConnection quick = await _server.AcceptAsync();
        Assert.Contains("\"from_version\": 11, \"bookmark_interval\": 0.100", await quick.ReadAsync(), StringComparison.Ordinal);
        quick.Reply(Opened(10));
        quick.Reply(Changes(11, """{"kind": "delete", "obj": "pa", "version": 11}"""));
        quick.Reply(Changes(12, Put("pb", 12, 12)));
        quick.Reply(Changes(13, Put("pc", 13, 13)));
        ScriptedConnection watch = await _server.AcceptAsync();
        Assert.Contains("\"from_version\": 14, \"bookmark_interval\": 5}", await watch.ReadAsync(), StringComparison.Ordinal);
        watch.Reply(Opened(13));
        watch.Reply(Changes(14, Put("pa", 14, 14)));
        watch.Reply(ScriptedConnection.Error("compacted", ", \"oldest_version\": 40"));

        // The history has a gap: the snapshot begins again.
        await OpenAnchorAsync();
        Assert.Equal(
            ["Reset  0", "Put pa 3", "Put pb 12", "Delete pa 11", "Put pc 13", "CaughtUp  13", "Put pa 14", "Reset  0"], await reading);
    }

    /// <summary>Reads a number of events, then ends the watch.</summary>
    private static async Task<List<string>> ReadAsync(KestrelKvClient client, int count)
    {
        List<string> events = [];
        await foreach (WatchEvent<int> e in client.SnapshotThenWatchAsync<int>("p"))
        {
            events.Add($"{e.Kind} {e.Key} {e.Version}");
            if (events.Count == count) break;
        }
        return events;
    }

    /// <summary>Answers the watch that keeps the history while a snapshot is read.</summary>
    private async Task OpenAnchorAsync()
    {
        ScriptedConnection anchor = await _server.AcceptAsync();
        Assert.StartsWith("""{"func": "WATCH", """, await anchor.ReadAsync(), StringComparison.Ordinal);
        anchor.Reply(Opened(10));
    }

    private static string Opening(long? from) => from is null
        ? """{"func": "WATCH", "params": {"prefix": "p", "values": true, "bookmark_interval": 5}}"""
        : $$$"""{"func": "WATCH", "params": {"prefix": "p", "values": true, "from_version": {{{from}}}, "bookmark_interval": 5}}""";

    private static string Opened(long version) => $$$"""{"status": "OK", "response": {"func": "WATCH", "response": {"version": {{{version}}}} }}""";

    private static string Changes(long version, params string[] changes) =>
        $$$"""{"status": "OK", "response": {"func": "WATCH", "response": {"version": {{{version}}}, "changes": [{{{string.Join(", ", changes)}}}]}} }""";

    private static string Put(string key, long version, int value) =>
        $$"""{"kind": "put", "obj": "{{key}}", "version": {{version}}, "val": {{value}}, "expires_at": null}""";

    private static string Page(long version, string? next, params string[] entries) =>
        $$$"""{"status": "OK", "response": {"func": "SCAN", "response": {"entries": [{{{string.Join(", ", entries)}}}], "next": {{{(next is null ? "null" : $"\"{next}\"")}}}, "version": {{{version}}}} }}""";

    private static string Entry(string key, long version) =>
        $$"""{"obj": "{{key}}", "val": {{version}}, "version": {{version}}, "expires_at": null}""";
}
