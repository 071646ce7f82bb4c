using System.Text;
using KestrelKv.Storage.Commits;
using KestrelKv.Storage.Embedded;
using KestrelKv.Storage.Feed;

namespace KestrelKv.Storage.Tests.Embedded;

/// <summary>Long work with a conflict in each attempt: it runs under the locks if it is short enough, and is refused otherwise.</summary>
public sealed class ConflictTests : IDisposable
{
    private const int Long = (int)LongWork.ContendedBytesMax + 1;
    private const int Contended = 2 * (int)LongWork.BytesMax;

    private static readonly byte[] Key = "long"u8.ToArray();
    private static readonly byte[] Path = "/n"u8.ToArray();
    private static readonly Operation Increment = Operation.Increment(Key, "1"u8.ToArray()) with { Path = Path };

    private readonly InterferingLog _log;
    private readonly EmbeddedStore _store;

    public ConflictTests()
    {
        var options = new EmbeddedStoreOptions();
        _log = new InterferingLog(new InMemoryCommitLog(new ChangeFeed(options.FeedMemoryBytes)));
        _store = new EmbeddedStore(new Keyspace(TimeProvider.System, options), _log, options, TimeProvider.System);
    }

    public void Dispose() => _store.Dispose();

    [Theory]
    [InlineData(Long)]
    [InlineData(Contended)]
    public async Task ExecuteAsync_EditWithFewConflicts_Succeeds(int bytes)
    {
        await PutAsync(bytes);
        Interfere(EmbeddedStore.ConflictsMax - 1, callsBefore: 0);
        Assert.Equal(new(0, ResultStatus.Done, 17, 16, Operation.ExpiresAtMax, "1"), await ExecuteAsync(Increment));
    }

    [Fact]
    public async Task ExecuteAsync_LongEditWithTooManyConflicts_IsRefused()
    {
        await PutAsync(Long);
        Interfere(EmbeddedStore.ConflictsMax, callsBefore: 0);
        var details = new Details();
        Operation[] operations = [Operation.MergePatch(Key, """{"n":7}"""u8.ToArray()), Operation.Get("absent"u8.ToArray())];
        Assert.Equal(2, await _store.ExecuteAsync(operations, details));
        Assert.Equal([ResultStatus.Conflict, ResultStatus.NotFound], details.Statuses);
        Assert.Contains("16 times", details.All[0], StringComparison.Ordinal);
        Assert.Contains("nothing was changed, send the request again", details.All[0], StringComparison.Ordinal);
        Assert.Equal(17, _store.GetStats().Version);
        Assert.Equal("0", (await ExecuteAsync(Operation.Get(Key) with { Path = Path })).Value);
    }

    [Fact]
    public async Task ExecuteAsync_ShorterEditWithTooManyConflicts_RunsUnderLock()
    {
        await PutAsync(Contended);
        Interfere(EmbeddedStore.ConflictsMax, callsBefore: 0);
        Assert.Equal(new(0, ResultStatus.Done, 18, 17, Operation.ExpiresAtMax, "1"), await ExecuteAsync(Increment));
        Assert.Equal(18, _store.GetStats().Version);
    }

    /// <summary>
    /// A touch changes the expiry without the version. The edit of the copy keeps the new expiry, and is not repeated for it.
    /// </summary>
    [Fact]
    public async Task ExecuteAsync_TouchesDuringALongEdit_KeepTheExtendedExpiry()
    {
        long expiresAt = Operation.ExpiresAtMax - 100;
        await PutAsync(Long, expiresAt);
        Interfere(1, callsBefore: 0, Operation.Touch(Key, expiresAt + 1));
        Assert.Equal(new(0, ResultStatus.Done, 2, 1, expiresAt + 1, "1"), await ExecuteAsync(Increment));
        Assert.Equal(expiresAt + 1, (await ExecuteAsync(Operation.Get(Key) with { Path = Path })).ExpiresAt);
    }

    [Fact]
    public async Task CommitAsync_TouchesDuringALongBatch_AffectOnlyResultsThatKeepTheExpiry()
    {
        long expiresAt = Operation.ExpiresAtMax - 100;
        await PutAsync(Long, expiresAt);
        Interfere(1, callsBefore: 1, Operation.Touch(Key, expiresAt + 5));
        var sink = new RecordingSink();
        Operation[] batch =
        [
            Operation.Touch(Key, expiresAt + 2) with { Path = Path }, Increment, Operation.Touch(Key, expiresAt + 9) with { Path = Path },
            Operation.Expire(Key, expiresAt + 3), Increment,
        ];
        Assert.True(await _store.CommitAsync(batch, sink));
        Assert.Equal([5L, 5L, 9L, 3L, 3L], sink.Results.Select(result => result.ExpiresAt - expiresAt));
        Assert.Equal((2, expiresAt + 3), (sink.Results[^1].Version, (await ExecuteAsync(Operation.Get(Key) with { Path = Path })).ExpiresAt));
    }

    [Fact]
    public async Task ExecuteAsync_TouchWithASearchInALongValue_ExtendsTheExpiry()
    {
        long expiresAt = Operation.ExpiresAtMax - 100;
        await PutAsync(Long, expiresAt);
        Operation search = Operation.Touch(Key, expiresAt + 1) with { Path = Path };
        Assert.Equal(new(0, ResultStatus.Done, 1, 1, expiresAt + 1, "0"), await ExecuteAsync(search));
        Interfere(1, callsBefore: 0, Operation.Touch(Key, expiresAt + 2));
        Assert.Equal(new(0, ResultStatus.Done, 1, 1, expiresAt + 2, "0"), await ExecuteAsync(search));

        // The entry changes during the search. Its new expiry is extended as well, unless it has none.
        Interfere(1, callsBefore: 0, Operation.Put(Key, "{}"u8.ToArray(), expiresAt));
        Assert.Equal("0", (await ExecuteAsync(search)).Value);
        Assert.Equal(new(0, ResultStatus.Done, 2, 2, expiresAt + 1, "{}"), await ExecuteAsync(Operation.Get(Key)));
        await PutAsync(Long, expiresAt);
        Interfere(1, callsBefore: 0, Operation.Put(Key, "{}"u8.ToArray(), 1));
        Assert.Equal("0", (await ExecuteAsync(search)).Value);
        Assert.Equal(ResultStatus.NotFound, (await ExecuteAsync(Operation.Get(Key))).Status);
    }

    /// <summary>The copy of one value is a consistent state, so a search in it is not validated again.</summary>
    [Fact]
    public async Task ExecuteAsync_SearchInChangingLongValue_ReturnsCopiedState()
    {
        await PutAsync(Long);
        Interfere(1, callsBefore: 0, Operation.Put(Key, "{}"u8.ToArray()));
        Assert.Equal(new(0, ResultStatus.Done, 1, 1, 0, "0"), await ExecuteAsync(Operation.Get(Key) with { Path = Path }));
        Assert.Equal(2, _store.GetStats().Version);
    }

    /// <summary>The limit applies to the total work of a batch.</summary>
    [Fact]
    public async Task CommitAsync_ManyEditsWithTooManyConflicts_IsRefused()
    {
        await PutAsync(Contended);
        Interfere(EmbeddedStore.ConflictsMax, callsBefore: 1);
        var sink = new RecordingSink();
        Assert.False(await _store.CommitAsync(new[] { Operation.Put("other"u8.ToArray(), "1"u8.ToArray()), Increment, Increment }, sink));
        Assert.Equal(new(0, ResultStatus.Conflict), Assert.Single(sink.Results));
        Assert.Equal((17, 1), (_store.GetStats().Version, _store.GetStats().Keys));
    }

    [Fact]
    public async Task CommitAsync_TooManyConflictsWithRequestId_RetryIsExecuted()
    {
        await PutAsync(Long);
        Operation[] batch = [Increment];
        Interfere(EmbeddedStore.ConflictsMax, callsBefore: 1);
        var sink = new RecordingSink();
        Assert.False(await _store.CommitAsync(batch, sink, new("id"u8.ToArray())));
        Assert.Equal(new(0, ResultStatus.Conflict), Assert.Single(sink.Results));
        Assert.Equal(0, _store.GetStats().RequestIds);

        for (int i = 0; i < 2; i++)
        {
            sink = new RecordingSink();
            Assert.True(await _store.CommitAsync(batch, sink, new("id"u8.ToArray())));
            Assert.Equal(new(0, ResultStatus.Done, 18, 17, Operation.ExpiresAtMax, "1"), Assert.Single(sink.Results));
        }
        Assert.Equal((18, 1), (_store.GetStats().Version, _store.GetStats().RequestIds));
    }

    /// <summary>Changes the entry during each of the next attempts without locks, after some attempts under the locks.</summary>
    private void Interfere(int count, int callsBefore, Operation? change = null)
    {
        int calls = 0;
        _log.Interfere = () =>
        {
            if (++calls > callsBefore && calls <= callsBefore + count) Execute(change ?? Operation.Expire(Key, Operation.ExpiresAtMax));
        };
    }

    private void Execute(Operation operation) => _store.ExecuteAsync(new[] { operation }, new CountingSink()).Completed();

    private async Task<Recorded> ExecuteAsync(Operation operation)
    {
        var sink = new RecordingSink();
        await _store.ExecuteAsync(new[] { operation }, sink);
        return Assert.Single(sink.Results);
    }

    private Task<Recorded> PutAsync(int bytes, long expiresAt = Operation.Never) =>
        ExecuteAsync(Operation.Put(Key, Encoding.UTF8.GetBytes($$"""{"filler":"{{new string('x', bytes)}}","n":0}"""), expiresAt));

    /// <summary>A log that runs another call while a batch is evaluated, when <see cref="Last"/> is read.</summary>
    private sealed class InterferingLog(InMemoryCommitLog log) : ICommitLog
    {
        public Action Interfere { get; set; } = () => { };

        public long Last
        {
            get
            {
                Interfere();
                return log.Last;
            }
        }

        public bool IsBehind => log.IsBehind;

        public CommitStatus TryCommit(in Commits.Record change, out long version) => log.TryCommit(change, out version);

        public CommitStatus TryCommit(ReadOnlySpan<Change> changes, long expected, out long version) =>
            log.TryCommit(changes, expected, out version);

        public Task WhenReady(long recordBytes) => log.WhenReady(recordBytes);

        public bool CanPublish(long version) => log.CanPublish(version);

        public ValueTask<int> WhenDurable(long version, int result) => log.WhenDurable(version, result);

        public ValueTask<bool> WhenDurable(long version, bool result) => log.WhenDurable(version, result);

        public void Flush() => log.Flush();

        public IWatch Watch(in WatchQuery query, Action wake) => log.Watch(query, wake);

        public CommitLogStats GetStats() => log.GetStats();

        public void Close() => log.Close();
    }

    private sealed class Details : IResultSink
    {
        public List<ResultStatus> Statuses { get; } = [];

        public List<string> All { get; } = [];

        public bool OnResult(int index, in OperationResult result)
        {
            Statuses.Add(result.Status);
            All.Add(result.Detail ?? "");
            return true;
        }
    }
}
