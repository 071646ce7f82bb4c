using KestrelKv.Storage.Embedded;
using KestrelKv.Storage.Feed;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Tests.Feed;

/// <summary>Concurrent steps of a watch and its dispatcher.</summary>
public sealed class FeedWatchTests : IDisposable
{
    private const int Commits = 5_000;

    private readonly EmbeddedStore _store;
    private readonly ChangeFeed _feed;

    public FeedWatchTests()
    {
        var options = new EmbeddedStoreOptions();
        var time = new TestTime();
        _feed = new ChangeFeed(options.FeedMemoryBytes, threads: DrivenFeed.Threads);
        _store = new EmbeddedStore(new Keyspace(time, options), new InMemoryCommitLog(_feed), options, time);
        Watch().Dispose();
    }

    public void Dispose() => _store.Dispose();

    [Fact]
    public void Note_Overflow_EndsTheLiveStateAtOnce()
    {
        FeedWatch watch = LiveWatch();
        Put(Commits);
        NoteResult[] noted = [.. NoteAll(watch)];
        Assert.Equal([NoteResult.NeedsWake, NoteResult.Yes, NoteResult.Overflow], noted.Distinct());
        Assert.Single(noted, NoteResult.Overflow);

        var sink = new RecordingChangeSink();
        while (watch.ReadAsync(sink).Completed() == WatchStatus.More)
        {
        }
        Assert.Equal(Enumerable.Range(1, Commits).Select(version => (long)version), sink.Versions);
    }

    [Fact]
    public void TryGoLive_BehindTheDispatcher_Fails()
    {
        FeedWatch other = LiveWatch(), watch = Watch();
        Put(3);
        _feed.Dispatch();
        Assert.False(_feed.TryStartLive(watch, position: 2));
        Assert.True(_feed.TryStartLive(watch, position: 3));
        other.Dispose();
    }

    [Fact]
    public void Dispatch_NoLiveWatch_SkipsAllCommits()
    {
        using FeedWatch watch = Watch();
        Put(Commits);
        Assert.False(_feed.Dispatch());
        Assert.Equal(Commits, _feed.Dispatched);
    }

    private FeedWatch Watch() => (FeedWatch)_store.Watch(new WatchQuery { From = 1 }, () => { });

    private FeedWatch LiveWatch()
    {
        FeedWatch watch = Watch();
        Assert.Equal(WatchStatus.UpToDate, watch.ReadAsync(new RecordingChangeSink()).Completed());
        return watch;
    }

    private void Put(int count)
    {
        for (int i = 0; i < count; i++) _store.ExecuteAsync(new[] { Operations.Put("k", "1") }, new CountingSink()).Completed();
    }

    private List<NoteResult> NoteAll(FeedWatch watch)
    {
        List<NoteResult> noted = [];
        var cursor = new HistoryCursor(_feed.History);
        Assert.True(cursor.TrySeek(1));
        while (cursor.TryNext(long.MaxValue, out HistoryCommit commit)) noted.Add(watch.Note(commit.Version, commit.Place));
        return noted;
    }
}
