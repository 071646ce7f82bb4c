using System.Diagnostics;
using KestrelKv.Storage.Embedded;
using KestrelKv.Testing;
using Xunit.Abstractions;

namespace KestrelKv.Storage.Tests.Soak;

/// <summary>Millions of keys that expire at the same instant, while others are read and written.</summary>
[Collection(ProcessMemoryTests.Name)]
public sealed class MassExpiryTests(ITestOutputHelper output)
{
    private const int Expiring = 2_000_000;
    private const int Staying = 100_000;
    private const int CallOperations = 10;

    /// <summary>The minimum number of concurrent calls. The actual number is far higher.</summary>
    private const int CallsMin = 1_000;

    [Fact]
    public Task BackgroundRemoval_MillionsAtOneInstant_OtherCallsContinueAndAllMemoryIsFreed() => Seeds.RunAsync(async random =>
    {
        var time = new ShiftedTime();
        using var store = new EmbeddedStore(time);
        StoreStats empty = store.GetStats();
        byte[][] staying = KeySpaces.Numbered("staying:", Staying);
        long expiresAt = time.GetUtcNow().AddHours(1).ToUnixTimeMilliseconds();
        Execute(store, staying.Select(key => Operation.Put(key, key)));
        byte[][] expiring = KeySpaces.Numbered("expiring:", Expiring);
        random.Shuffle(expiring);
        Execute(store, expiring.Select(key => Operation.Put(key, key, expiresAt)));

        using var stop = new CancellationTokenSource();
        var caller = new Caller(store, staying, new Random(random.Next()));
        Task calling = Task.Factory.StartNew(() => caller.Run(stop.Token), TaskCreationOptions.LongRunning);
        await Wait.UntilAsync(() => caller.Calls > CallsMin, () => "no calls were made");
        output.WriteLine($"Before: {caller.FormatDurations()}");

        long callsBefore = caller.Calls;
        long start = Stopwatch.GetTimestamp();
        time.Shift = TimeSpan.FromHours(2);
        await Wait.UntilAsync(() => store.GetStats().Keys == Staying, () => $"{store.GetStats().Keys} keys are left");
        long calls = caller.Calls - callsBefore;
        output.WriteLine(
            $"{Expiring:N0} keys removed in {Stopwatch.GetElapsedTime(start).TotalSeconds:N1} s; meanwhile {caller.FormatDurations()}");
        await stop.CancelAsync();
        await calling;

        Assert.InRange(calls, CallsMin, long.MaxValue);
        Assert.Equal(Staying + Expiring + caller.Puts + Expiring, store.GetStats().Version);
        Execute(store, staying.Select(key => Operation.Delete(key)));
        long version = store.GetStats().Version;
        Assert.Equal(
            empty with { Version = version, DurableVersion = version, FeedVersion = version, OldestVersion = version + 1, Expirations = Expiring }, store.GetStats());
    });

    private static void Execute(EmbeddedStore store, IEnumerable<Operation> operations)
    {
        foreach (Operation[] batch in operations.Chunk(200))
        {
            var sink = new CountingSink();
            store.ExecuteAsync(batch, sink).Completed();
            Assert.Equal(batch.Length, sink.Done);
        }
    }

    private sealed class ShiftedTime : TimeProvider
    {
        private long _shift;

        public TimeSpan Shift
        {
            set => Volatile.Write(ref _shift, value.Ticks);
        }

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow().AddTicks(Volatile.Read(ref _shift));
    }

    /// <summary>Reads and writes the keys that do not expire, and records the durations of the calls.</summary>
    private sealed class Caller(EmbeddedStore store, byte[][] keys, Random random)
    {
        /// <summary>A histogram in microseconds. It allocates nothing, so that no garbage collection affects it.</summary>
        private readonly long[] _durations = new long[1_000_000];
        private long _calls;

        public long Calls => Volatile.Read(ref _calls);

        public long Puts { get; private set; }

        public void Run(CancellationToken stop)
        {
            var batch = new Operation[CallOperations];
            var sink = new CountingSink();
            while (!stop.IsCancellationRequested)
            {
                for (int i = 0; i < batch.Length; i++)
                {
                    byte[] key = keys[random.Next(keys.Length)];
                    batch[i] = random.Next(4) > 0 ? Operation.Get(key) : Operation.Put(key, key);
                    if (batch[i].IsWrite) Puts++;
                }
                long before = Stopwatch.GetTimestamp();
                store.ExecuteAsync(batch, sink, CancellationToken.None).Completed();
                double microseconds = Stopwatch.GetElapsedTime(before).TotalMicroseconds;
                _durations[Math.Min((int)microseconds, _durations.Length - 1)]++;
                Volatile.Write(ref _calls, _calls + 1);
            }
            Assert.Equal(Calls * batch.Length, sink.Done);
        }

        /// <summary>Formats the durations for the test's output, and resets them. No assertion depends on them.</summary>
        public string FormatDurations()
        {
            long calls = _durations.Sum();
            string text = $"{calls:N0} calls, microseconds each: {At(0.5)} median, {At(0.99)} p99, {At(0.999)} p99.9, {At(0.9999)} p99.99, {At(1)} maximum";
            Array.Clear(_durations);
            return text;

            int At(double quantile)
            {
                long rest = (long)Math.Ceiling(quantile * calls);
                int i = 0;
                while ((rest -= _durations[i]) > 0) i++;
                return i;
            }
        }
    }
}
