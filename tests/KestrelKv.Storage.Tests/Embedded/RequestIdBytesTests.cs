using System.Text;
using KestrelKv.Storage.Embedded;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Tests.Embedded;

/// <summary>The limit of the total memory of idempotency records.</summary>
public sealed class RequestIdBytesTests : IDisposable
{
    private const int ValueBytes = 200_000;

    private readonly TestTime _time = new();
    private readonly EmbeddedStore _store;

    public RequestIdBytesTests()
    {
        _store = new EmbeddedStore(_time, new EmbeddedStoreOptions { RequestIdBytesMax = EmbeddedStoreOptions.RequestIdBytesMaxMin });
        Assert.True(_store.CommitAsync(new[] { Put("long", new string('1', ValueBytes)) }, new RecordingSink()).Completed());
    }

    public void Dispose() => _store.Dispose();

    [Fact]
    public void CommitAsync_OnlyReads_RecordsNothing()
    {
        for (int i = 0; i < 100; i++)
        {
            var sink = new RecordingSink();
            Assert.True(_store.CommitAsync(new[] { Operation.Get(Key("long")) }, sink, new(Key("the same id"))).Completed());
            Assert.Equal(ValueBytes, Assert.Single(sink.Results).Value.Length);
        }
        Assert.Equal((0, 1), (_store.GetStats().RequestIds, _store.GetStats().Version));
    }

    [Fact]
    public void CommitAsync_TooManyRecords_AreRefusedUntilOthersExpire()
    {
        int recorded = 0;
        while (Commit($"id {recorded}").Status == ResultStatus.Done) recorded++;
        Assert.Equal(EmbeddedStoreOptions.RequestIdBytesMaxMin / ValueBytes, recorded);
        Assert.Equal((recorded, recorded + 1), (_store.GetStats().RequestIds, _store.GetStats().Version));
        Assert.Equal(ResultStatus.MemoryFull, Commit("another").Status);

        // A repeated id needs no new record, and a batch without an id needs none at all.
        Assert.Equal(ResultStatus.Done, Commit("id 0").Status);
        Assert.Equal(ResultStatus.Done, Commit("").Status);

        _time.Advance(TimeSpan.FromMinutes(6));
        Assert.Equal(0, _store.GetStats().RequestIds);
        Assert.Equal(ResultStatus.Done, Commit("another").Status);
    }

    [Fact]
    public void CommitAsync_ReplacedRecords_NeedNoMoreBytes()
    {
        for (int i = 1; i <= 100; i++) Assert.Equal(ResultStatus.Done, Commit("slot", i).Status);
        Assert.Equal(1, _store.GetStats().RequestIds);
        for (int i = 0; Commit($"id {i}").Status == ResultStatus.Done; i++)
        {
        }
        Recorded last = Commit("slot", 101);
        Assert.Equal(ResultStatus.Done, last.Status);

        // A longer record finds no room. The slot keeps its record, and the retry is executed once there is room.
        Assert.Equal(ResultStatus.MemoryFull, Commit("slot", 102, reads: 3).Status);
        Assert.Equal(last, Commit("slot", 101));
        _time.Advance(TimeSpan.FromMinutes(4));
        Assert.Equal(ResultStatus.Done, Commit("slot", 102).Status);
        _time.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal(1, _store.GetStats().RequestIds);
        Assert.Equal(ResultStatus.RequestIdReused, Commit("slot", 101).Status);
        Assert.Equal(ResultStatus.Done, Commit("slot", 103, reads: 3).Status);
    }

    private Recorded Commit(string id, long sequence = 0, int reads = 1)
    {
        var sink = new RecordingSink();
        Operation[] batch = [Put("short", "1"), .. Enumerable.Repeat(Operation.Get(Key("long")), reads)];
        _store.CommitAsync(batch, sink, new(Key(id), sequence)).Completed();
        return sink.Results[0];
    }

    private static byte[] Key(string key) => Encoding.UTF8.GetBytes(key);

    private static Operation Put(string key, string value) => Operation.Put(Key(key), Encoding.UTF8.GetBytes(value));
}
