using KestrelKv.Testing;

namespace KestrelKv.Storage.Tests.Soak;

/// <summary>Listings while keys come and go.</summary>
public abstract partial class StoreThreadTests
{
    /// <summary>
    /// Writers add and remove keys around those that stay, enough for nodes to split and go and for segments to grow and
    /// shrink; a lister must see each of the keys that stay exactly once, in order.
    /// </summary>
    [Fact]
    public Task ListAsync_WhileOtherKeysComeAndGo_TellsEveryKeyThatStaysOnce() => Seeds.RunAsync(async random =>
    {
        byte[][] staying = KeySpaces.Numbered("key:", 5_000);
        Execute(staying.Select(key => Operation.Put(key, key)).ToArray(), new RecordingSink());

        Task[] writers = Start(random, 2, own =>
        {
            byte[] mark = [(byte)own.Next('a', 'z')];
            int step = 0;
            return () =>
            {
                // Runs of neighbours come, and go some time later, so that whole leaves do.
                int from = own.Next(staying.Length), count = own.Next(1, 400), tail = own.Next(4);
                bool removes = step++ / 500 % 2 == 1;
                Operation[] batch = [.. staying.Skip(from).Take(count).Select(key =>
                    own.Next(20) == 0 ? Operation.Put(key, key) :
                    removes ? Operation.Delete((byte[])[.. key, .. mark, (byte)tail]) :
                    Operation.Put((byte[])[.. key, .. mark, (byte)tail], new byte[own.Next(300)]))];
                Execute(batch, new RecordingSink());
            };
        });
        Task[] listers = Start(random, 1, own => () =>
        {
            var told = new KeySink(staying);
            int limit = own.Next(2) == 0 ? own.Next(1, 1_001) : 1 + own.UpTo(999);
            ListQuery query = new() { Prefix = "key:"u8.ToArray(), Limit = limit };
            while (List(query, told)) query = query with { After = told.Last };
            Assert.Null(told.OutOfOrder);
            if (!KeepsAll) return;
            Assert.Null(told.OutOfTurn);
            Assert.Equal(staying.Length, told.Staying);
        });
        await RunAsync(Duration, [.. writers, .. listers]);
    });

    /// <summary>Holds what it is told against the keys that stay.</summary>
    private sealed class KeySink(byte[][] staying) : IEntrySink
    {
        /// <summary>The key that it was told last.</summary>
        public byte[] Last { get; private set; } = [];

        /// <summary>How many of the keys that stay it was told, one after the other.</summary>
        public int Staying { get; private set; }

        public string? OutOfOrder { get; private set; }

        public string? OutOfTurn { get; private set; }

        public bool OnEntry(in EntryView entry)
        {
            if (entry.Key.SequenceCompareTo(Last) <= 0) OutOfOrder ??= $"{Convert.ToHexString(entry.Key)} after {Convert.ToHexString(Last)}";
            Last = entry.Key.ToArray();
            if (Last.Length != staying[0].Length) return true;
            if (Staying >= staying.Length || !entry.Key.SequenceEqual(staying[Staying])) OutOfTurn ??= $"{Convert.ToHexString(entry.Key)} out of turn";
            Staying++;
            return true;
        }
    }
}
