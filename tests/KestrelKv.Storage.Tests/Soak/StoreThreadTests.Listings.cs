using KestrelKv.Testing;

namespace KestrelKv.Storage.Tests.Soak;

public abstract partial class StoreThreadTests
{
    /// <summary>
    /// Writers add and remove keys around permanent ones, enough to split and remove nodes, and to grow and shrink index stripes. A listing
    /// must return each permanent key exactly once, in order.
    /// </summary>
    [Fact]
    public Task ListAsync_ConcurrentAddsAndRemoves_ListsPermanentKeysOnce() => Seeds.RunAsync(async random =>
    {
        byte[][] staying = KeySpaces.Numbered("key:", 5_000);
        Execute(staying.Select(key => Operation.Put(key, key)).ToArray(), new RecordingSink());

        Task[] writers = Start(random, 2, own =>
        {
            byte[] mark = [(byte)own.Next('a', 'z')];
            int step = 0;
            return () =>
            {
                // Runs of neighbouring keys are added and later removed, so that whole leaves are removed.
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
            var sink = new KeySink(staying);
            int limit = own.Next(2) == 0 ? own.Next(1, 1_001) : 1 + own.UpTo(999);
            ListQuery query = new() { Prefix = "key:"u8.ToArray(), Limit = limit };
            while (List(query, sink)) query = query with { After = sink.Last };
            Assert.Null(sink.OutOfOrder);
            if (!KeepsAll) return;
            Assert.Null(sink.Unexpected);
            Assert.Equal(staying.Length, sink.Staying);
        });
        await RunAsync(Duration, [.. writers, .. listers]);
    });

    /// <summary>Checks listed entries against the permanent keys.</summary>
    private sealed class KeySink(byte[][] staying) : IEntrySink
    {
        public byte[] Last { get; private set; } = [];

        /// <summary>The number of permanent keys listed so far, in sequence.</summary>
        public int Staying { get; private set; }

        public string? OutOfOrder { get; private set; }

        public string? Unexpected { get; private set; }

        public bool OnEntry(in EntryView entry)
        {
            if (entry.Key.SequenceCompareTo(Last) <= 0)
                OutOfOrder ??= $"{Convert.ToHexString(entry.Key)} after {Convert.ToHexString(Last)}";
            Last = entry.Key.ToArray();
            if (Last.Length != staying[0].Length) return true;
            if (Staying >= staying.Length || !entry.Key.SequenceEqual(staying[Staying]))
                Unexpected ??= $"{Convert.ToHexString(entry.Key)} is not the expected key";
            Staying++;
            return true;
        }
    }
}
