using System.Globalization;
using System.Text;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Tests.Soak;

/// <summary>Atomic batches: no call observes a part of one.</summary>
public abstract partial class StoreThreadTests
{
    [Theory]
    [InlineData(4)] // nearly every batch meets another
    [InlineData(300)]
    public Task CommitAsync_Transfers_EveryReaderSeesConstantSum(int accounts) => Seeds.RunAsync(async random =>
    {
        const int Balance = 1_000;
        byte[][] keys = KeySpaces.Numbered("account:", accounts);
        Operation[] all = [.. keys.Select(key => Operation.Get(key))];
        Commit(keys.Select(key => Operation.Put(key, Number(Balance))).ToArray(), new RecordingSink());
        int transfers = 0;

        Task[] writers = Start(random, 4, own => () =>
        {
            byte[] from = keys[own.Next(accounts)], to = keys[own.Next(accounts)];
            if (from == to) return;
            var read = new RecordingSink();
            Execute(new[] { Operation.Get(from), Operation.Get(to) }, read);
            int amount = own.Next(1, 10);
            bool committed = Commit(
                new[]
                {
                    Operation.Put(from, Number(NumberIn(read.Results[0]) - amount)) with { Precondition = Precondition.Version(read.Results[0].Version) },
                    Operation.Put(to, Number(NumberIn(read.Results[1]) + amount)) with { Precondition = Precondition.Version(read.Results[1].Version) },
                },
                new RecordingSink());
            if (committed) Interlocked.Increment(ref transfers);
        });
        Task[] readers = Start(random, 1, _ => ReadSum);
        await RunAsync(Duration, [.. writers, .. readers]);

        ReadSum();
        Assert.Equal(1 + transfers, _store.GetStats().Version);

        void ReadSum()
        {
            var read = new RecordingSink();
            Assert.True(Commit(all, read));
            Assert.Equal(accounts * Balance, read.Results.Sum(NumberIn));
        }
    });

    /// <summary>Writers put the same number under all keys, or delete all keys.</summary>
    [Theory]
    [InlineData(2)]
    [InlineData(200)]
    public Task CommitAsync_WritesAllKeys_IsAtomicForReaders(int count) => Seeds.RunAsync(async random =>
    {
        byte[][] keys = KeySpaces.Numbered("all:", count);
        Operation[] gets = [.. keys.Select(key => Operation.Get(key))];
        Operation[] deletes = [.. keys.Select(key => Operation.Delete(key))];

        Task[] writers = Start(random, 3, own => () =>
        {
            ReadOnlyMemory<byte> number = Number(own.Next());
            byte[][] order = [.. keys];
            own.Shuffle(order);
            Commit(own.Next(8) == 0 ? deletes : order.Select(key => Operation.Put(key, number)).ToArray(), new RecordingSink());
        });
        Task[] readers = Start(random, 2, own =>
        {
            long newest = 0;
            return () =>
            {
                var read = new RecordingSink();
                Assert.True(Commit(gets, read));
                Recorded first = read.Results[0];
                Assert.All(read.Results, result => Assert.Equal(first with { Index = result.Index }, result));
                if (first.Status == ResultStatus.NotFound) return;
                Assert.InRange(first.Version, newest, long.MaxValue);
                newest = first.Version;
            };
        });
        await RunAsync(Duration / 2, [.. writers, .. readers]);
    });

    private static ReadOnlyMemory<byte> Number(int number) => Encoding.ASCII.GetBytes(number.ToString(CultureInfo.InvariantCulture));

    private static int NumberIn(Recorded result) => int.Parse(result.Value, CultureInfo.InvariantCulture);
}
