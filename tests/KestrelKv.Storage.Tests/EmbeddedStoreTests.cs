using System.Text;
using KestrelKv.Storage.Embedded;

namespace KestrelKv.Storage.Tests;

public sealed class EmbeddedStoreTests : StoreContractTests
{
    /// <summary>
    /// Writers add and remove keys all the while, enough for nodes to split and go and for segments to grow; a lister
    /// must see each of the keys that stay exactly once, in order.
    /// </summary>
    [Fact]
    public async Task ListAsync_WhileOtherKeysComeAndGo_TellsEveryKeyThatStaysOnce()
    {
        const int Staying = 5_000;
        const int Listings = 30;
        using var store = new EmbeddedStore(TimeProvider.System);
        await store.ExecuteAsync(Enumerable.Range(0, Staying).Select(i => Operation.Put(Key("stay", i), Key("v", i))).ToArray(), new RecordingSink());

        using var done = new CancellationTokenSource();
        Task[] writers = [.. Enumerable.Range(0, 3).Select(seed => Task.Run(async () =>
        {
            var random = new Random(seed);
            var batch = new Operation[50];
            while (!done.IsCancellationRequested)
            {
                for (int i = 0; i < batch.Length; i++)
                {
                    int key = random.Next(Staying * 10);
                    batch[i] = random.Next(3) switch
                    {
                        0 => Operation.Put(Key("stay", key / 10), Key("v", random.Next())),
                        1 => Operation.Delete(Key($"stay{key / 10:D6}", seed)),
                        _ => Operation.Put(Key($"stay{key / 10:D6}", seed), new byte[random.Next(400)]),
                    };
                }
                await store.ExecuteAsync(batch, new RecordingSink());
            }
        }))];

        try
        {
            for (int listing = 0; listing < Listings; listing++)
            {
                List<string> told = [];
                byte[] after = [];
                for (bool more = true; more;)
                {
                    var page = new KeySink();
                    more = await store.ListAsync(new ListQuery { Prefix = "stay"u8.ToArray(), After = after, Limit = 100 + listing * 20 }, page);
                    told.AddRange(page.Keys);
                    if (page.Keys.Count > 0) after = Encoding.ASCII.GetBytes(told[^1]);
                }
                Assert.Equal(told.Order(StringComparer.Ordinal).Distinct(), told);
                Assert.Equal(Staying, told.Count(key => key.Length == "stay".Length + 6));
            }
        }
        finally
        {
            // Before the store is disposed of, whatever comes.
            await done.CancelAsync();
            await Task.WhenAll(writers);
        }
    }

    protected override IKeyValueStore Create(TimeProvider time) => new EmbeddedStore(time);

    private static byte[] Key(string prefix, int number) => Encoding.ASCII.GetBytes($"{prefix}{number:D6}");

    private sealed class KeySink : IEntrySink
    {
        public List<string> Keys { get; } = [];

        public bool OnEntry(in EntryView entry)
        {
            Keys.Add(Encoding.ASCII.GetString(entry.Key));
            return true;
        }
    }
}
