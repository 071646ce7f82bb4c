using System.Text;
using KestrelKv.Storage.Embedded;

namespace KestrelKv.Storage.Tests.Embedded;

/// <summary>The limits of one idempotency record.</summary>
[Collection(ProcessMemoryTests.Name)]
public sealed class RequestIdLimitTests : IDisposable
{
    private const int ValueBytes = 4 << 20;

    private readonly EmbeddedStore _store = new(TimeProvider.System);
    private readonly byte[] _key = "a"u8.ToArray();
    private readonly byte[] _value = Encoding.ASCII.GetBytes($"\"{new string('x', ValueBytes - 2)}\"");

    public void Dispose() => _store.Dispose();

    [Fact]
    public void Commit_ReadsExceedRecordLimit_IsRefusedEarly()
    {
        Put();
        Assert.Equal(
            ((256 << 20) / ValueBytes + 1, ResultStatus.ValueTooLong),
            Refusal([Operation.Put("b"u8.ToArray(), "1"u8.ToArray()), .. Gets(600)]));
    }

    [Fact]
    public void Commit_BatchAndRecordExceedFrame_IsRefused()
    {
        Put();
        Operation[] puts = [.. Enumerable.Range(0, 255).Select(i => Operation.Put(Encoding.ASCII.GetBytes($"{i}"), _value))];

        // Recovery would not recognize a longer frame, and would lose it with all that follows.
        Assert.Equal(ResultStatus.ValueTooLong, Refusal([.. puts, .. Gets(60)]).Status);
        Assert.Equal(1, _store.GetStats().Keys);
    }

    private void Put() => _store.ExecuteAsync(new[] { Operation.Put(_key, _value) }, new RecordingSink()).Completed();

    private Operation[] Gets(int count) => [.. Enumerable.Repeat(Operation.Get(_key), count)];

    private (int Index, ResultStatus Status) Refusal(Operation[] batch)
    {
        var sink = new LastResult();
        Assert.False(_store.CommitAsync(batch, sink, new("id"u8.ToArray())).Completed());
        return (sink.Index, sink.Status);
    }

    private sealed class LastResult : IResultSink
    {
        public int Index { get; private set; }

        public ResultStatus Status { get; private set; }

        public bool OnResult(int index, in OperationResult result)
        {
            (Index, Status) = (index, result.Status);
            return true;
        }
    }
}
