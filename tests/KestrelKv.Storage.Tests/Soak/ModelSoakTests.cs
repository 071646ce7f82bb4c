using KestrelKv.Storage.Embedded;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Tests.Soak;

/// <summary>Compares the engine with its model, <see cref="ManagedStore"/>, in long random runs.</summary>
public sealed class ModelSoakTests
{
    [Theory]
    [InlineData("few keys", 300)]
    [InlineData("keys of any length", 2_000)]
    [InlineData("common prefixes", 3_000)]
    [InlineData("large values", 200_000)]
    public void AnyCalls_EachKeySpace_MatchTheModel(string kind, int valueBytesMax) => Seeds.Run(random =>
    {
        using var stores = new StoreBesideModel(random, kind switch
        {
            "few keys" => KeySpaces.Few,
            "keys of any length" => KeySpaces.OfAnyLength(random, 3_000, 4_096),
            "common prefixes" => KeySpaces.WithCommonPrefixes(random, 5_000),
            "large values" => KeySpaces.Numbered("large:", 1_000),
            _ => throw new ArgumentOutOfRangeException(nameof(kind)),
        }, valueBytesMax);
        foreach (long step in SoakTime.Steps())
        {
            // Phases in which the number of keys grows or shrinks.
            if (step % 300 == 0) stores.Operations.DeletesPercent = random.Next(5, 80);
            stores.Step();
        }
        stores.AssertSameListing();
        stores.Empty();
    });

    /// <summary>
    /// Indexes grow and shrink, nodes are split and removed, slabs are rented and returned. The first round has a million keys.
    /// </summary>
    [Fact]
    public void AnyCalls_FromEmptyToMillionKeysAndBack_MatchTheModel() => Seeds.Run(random =>
    {
        byte[][] keys = KeySpaces.Numbered("key:", 1_000_000);
        using var stores = new StoreBesideModel(random, keys, valueBytesMax: 100);
        int count = keys.Length;
        foreach (long round in SoakTime.Steps())
        {
            ForEach(stores.Operations.Put);
            stores.AssertSameListing();
            if (random.Next(2) == 0) ForEach(Operation.Delete);
            else ForEach(key => Operation.Expire(key, stores.Now + random.Next(1, 1_000)));
            stores.Empty();
            count = 1 + random.UpTo(keys.Length - 1);
        }

        void ForEach(Func<ReadOnlyMemory<byte>, Operation> make)
        {
            byte[][] some = keys[..count];
            if (random.Next(3) > 0) random.Shuffle(some);
            foreach (byte[][] part in some.Chunk(200))
            {
                stores.Execute([.. part.Select(key => make(key))]);
                if (random.Next(100) == 0) stores.Step();
            }
        }
    });

    /// <summary>The engine and its model on one clock. Each call runs on both, and their results must be equal.</summary>
    private sealed class StoreBesideModel : IDisposable
    {
        private static readonly TimeSpan RequestIdWindow = new EmbeddedStoreOptions().RequestIdWindow;

        private readonly Random _random;
        private readonly TestTime _time = new();
        private readonly EmbeddedStore _store;
        private readonly ManagedStore _model;
        private readonly long _emptyMemoryBytes;
        private readonly Transcript _actual = new();
        private readonly Transcript _expected = new();
        private readonly VersionSink _version = new();
        private readonly List<Operation> _idempotent = [];
        private long _step;

        public StoreBesideModel(Random random, byte[][] keys, int valueBytesMax)
        {
            _random = random;
            _store = new(_time);
            _model = new(_time);
            _emptyMemoryBytes = _store.GetStats().MemoryBytes;
            Operations = new(random, keys, _time)
            {
                ValueBytesMax = valueBytesMax, IncludesDescending = true, IncludesTouches = true, VersionOf = VersionOf, LastVersion = () =>
                    _model.GetStats().Version,
            };
        }

        public RandomOperations Operations { get; }

        public long Now => _time.GetUtcNow().ToUnixTimeMilliseconds();

        public void Dispose()
        {
            _store.Dispose();
            _model.Dispose();
        }

        public void Step()
        {
            switch (_random.Next(100))
            {
                case < 50:
                    Execute(WithRequestIds(Operations.Batch()));
                    break;
                case < 80:
                    Commit(Operations.Batch());
                    break;
                case < 92:
                    ListPages(Operations.Query(), pagesMax: 1);
                    break;
                case < 93:
                    ListPages(Operations.Query(), pagesMax: 100);
                    break;
                case < 99:
                    Advance(TimeSpan.FromMilliseconds(_random.UpTo(500)));
                    break;
                default:
                    Advance(TimeSpan.FromSeconds(_random.UpTo(300)));
                    break;
            }
        }

        public void Execute(Operation[] operations)
        {
            int stopAfter = Operations.StopAfter(operations.Length);
            int expected = _model.ExecuteAsync(operations, _expected.Restart(stopAfter)).Completed();
            int executed = _store.ExecuteAsync(operations, _actual.Restart(stopAfter)).Completed();
            AssertSame(expected, executed, i => Describe("execute", operations[i]));

            // Execute the operations after the stop.
            if (executed < operations.Length) Execute(operations[executed..]);
        }

        public void AssertSameListing() => Assert.False(List(new ListQuery { Limit = int.MaxValue }, int.MaxValue));

        /// <summary>Removes all keys and records, by expiry where possible, and checks that all memory is freed.</summary>
        public void Empty()
        {
            Advance(Operations.ExpiryMax + RequestIdWindow + TimeSpan.FromSeconds(1));
            for (bool more = true; more;)
            {
                more = List(new ListQuery { Limit = 1_000 }, int.MaxValue);
                Execute([.. Enumerable.Range(0, _actual.Count).Select(i => Operation.Delete(_actual.CopyKey(i)))]);
            }
            AssertSameStats();
            Assert.Equal((0, 0, _emptyMemoryBytes), (_store.GetStats().Keys, _store.GetStats().Bytes, _store.GetStats().MemoryBytes));
        }

        /// <summary>Gives some writes ids, of which some are used by other writes, and replaces some by recent writes with ids.</summary>
        private Operation[] WithRequestIds(Operation[] operations)
        {
            const int Recent = 50;
            for (int i = 0; i < operations.Length; i++)
            {
                if (!operations[i].IsWrite || _random.Next(8) > 0) continue;
                if (_idempotent.Count > 0 && _random.Next(2) == 0)
                {
                    operations[i] = _idempotent[_random.Next(_idempotent.Count)];
                    continue;
                }
                operations[i] = operations[i] with { RequestId = RandomId() };
                if (_idempotent.Count == Recent) _idempotent[_random.Next(Recent)] = operations[i];
                else _idempotent.Add(operations[i]);
            }
            return operations;
        }

        private RequestId RandomId() =>
            new(BitConverter.GetBytes(_random.Next(1_000)), _random.Next(3) == 0 ? 0 : Math.Max(0, _step / 50 - _random.Next(3)));

        private void Commit(Operation[] batch)
        {
            RequestId id = _random.Next(4) == 0 ? RandomId() : default;
            bool expected = _model.CommitAsync(batch, _expected.Restart(), id).Completed();
            bool committed = _store.CommitAsync(batch, _actual.Restart(), id).Completed();
            AssertSame(expected, committed, i => Describe("commit", batch[i]));
        }

        private bool List(ListQuery query, int stopAfter)
        {
            bool expected = _model.ListAsync(query, _expected.Restart(stopAfter)).Completed();
            bool more = _store.ListAsync(query, _actual.Restart(stopAfter)).Completed();
            AssertSame(expected, more, i => $"step {_step}, entry {i} of a listing");
            return more;
        }

        private void ListPages(ListQuery query, int pagesMax)
        {
            for (int page = 0; page < pagesMax && List(query, Operations.StopAfter(query.Limit)); page++)
                query = query with { After = _actual.CopyKey(_actual.Count - 1) };
        }

        /// <summary>
        /// Advances the clock. The engine decides when the background removal runs, but it then removes all expired entries, as the model
        /// does. The clock therefore advances further until both have run it, or neither.
        /// </summary>
        private void Advance(TimeSpan time)
        {
            const int TicksMax = 10;
            _time.Advance(time);
            for (int tick = 0; tick < TicksMax && Counts(_store.GetStats()) != Counts(_model.GetStats()); tick++)
                _time.Advance(TimeSpan.FromMilliseconds(100));
            AssertSameStats();
        }

        private void AssertSame<T>(T expected, T actual, Func<int, string> describe)
        {
            _step++;
            _actual.AssertSameAs(_expected, describe);
            Assert.Equal(expected, actual);
            AssertSameStats();
        }

        private void AssertSameStats() => Assert.Equal(Counts(_model.GetStats()), Counts(_store.GetStats()));

        /// <summary>Selects the statistics that must be equal. Those of memory and the feed are specific to the engine.</summary>
        private static StoreStats Counts(StoreStats stats) =>
            new(stats.Keys, stats.Bytes, stats.Version) { Expirations = stats.Expirations, RequestIds = stats.RequestIds };

        private string Describe(string call, Operation operation) =>
            $"step {_step}, {call} {operation.Kind} of {Convert.ToHexString(operation.Key.Span[..Math.Min(40, operation.Key.Length)])} "
            + $"({operation.Key.Length} bytes), {operation.Value.Length} bytes, expires {operation.ExpiresAt}, {operation.Precondition}";

        private long VersionOf(ReadOnlyMemory<byte> key)
        {
            _model.ExecuteAsync(new[] { Operation.Get(key) }, _version).Completed();
            return _version.Last;
        }

        private sealed class VersionSink : IResultSink
        {
            public long Last { get; private set; }

            public bool OnResult(int index, in OperationResult result)
            {
                Last = result.Version;
                return true;
            }
        }
    }
}
