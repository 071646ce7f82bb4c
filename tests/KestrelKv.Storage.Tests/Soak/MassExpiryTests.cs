using System.Diagnostics;
using KestrelKv.Storage.Embedded;
using KestrelKv.Testing;
using Xunit.Abstractions;

namespace KestrelKv.Storage.Tests.Soak;

/// <summary>Millions of keys that expire at the same instant, while others are read and written.</summary>
[Collection(MemoryOfTheProcess.Name)]
public sealed class MassExpiryTests(ITestOutputHelper output)
{
    private const int Expiring = 2_000_000;
    private const int Staying = 100_000;
    private const int CallOperations = 10;

    /// <summary>So many calls must have come between; far more do.</summary>
    private const int CallsMin = 1_000;

    [Fact]
    public Task BackgroundRemoval_MillionsAtOneInstant_LetsOthersGoOnAndLeavesNothing() => Seeds.RunAsync(async random =>
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

        using var over = new CancellationTokenSource();
        var caller = new Caller(store, staying, new Random(random.Next()));
        Task calling = Task.Factory.StartNew(() => caller.Run(over.Token), TaskCreationOptions.LongRunning);
        await Wait.UntilAsync(() => caller.Calls > CallsMin, () => "no calls are made");
        output.WriteLine($"Before: {caller.TellDurations()}");

        long callsBefore = caller.Calls;
        long start = Stopwatch.GetTimestamp();
        time.Shift = TimeSpan.FromHours(2);
        await Wait.UntilAsync(() => store.GetStats().Keys == Staying, () => $"{store.GetStats().Keys} keys are left");
        long calls = caller.Calls - callsBefore;
        output.WriteLine($"{Expiring:N0} keys removed in {Stopwatch.GetElapsedTime(start).TotalSeconds:N1} s; meanwhile {caller.TellDurations()}");
        await over.CancelAsync();
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

    /// <summary>The real time, and some more; timers go by the real one.</summary>
    private sealed class ShiftedTime : TimeProvider
    {
        private long _shift;

        public TimeSpan Shift
        {
            set => Volatile.Write(ref _shift, value.Ticks);
        }

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow().AddTicks(Volatile.Read(ref _shift));
    }

    /// <summary>Gets and puts keys that stay, a few a call, and keeps how long calls took.</summary>
    private sealed class Caller(EmbeddedStore store, byte[][] keys, Random random)
    {
        /// <summary>By microseconds. It allocates nothing, so that no garbage collection comes between.</summary>
        private readonly long[] _took = new long[1_000_000];
        private long _calls;

        public long Calls => Volatile.Read(ref _calls);

        public long Puts { get; private set; }

        public void Run(CancellationToken over)
        {
            var batch = new Operation[CallOperations];
            var sink = new CountingSink();
            while (!over.IsCancellationRequested)
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
                _took[Math.Min((int)microseconds, _took.Length - 1)]++;
                Volatile.Write(ref _calls, _calls + 1);
            }
            Assert.Equal(Calls * batch.Length, sink.Done);
        }

        /// <summary>For who reads the test's output: nothing depends on it. Forgets what it tells.</summary>
        public string TellDurations()
        {
            long calls = _took.Sum();
            string told = $"{calls:N0} calls, microseconds each: {At(0.5)} median, {At(0.99)} p99, {At(0.999)} p99.9, {At(0.9999)} p99.99, {At(1)} at the most";
            Array.Clear(_took);
            return told;

            int At(double quantile)
            {
                long rest = (long)Math.Ceiling(quantile * calls);
                int i = 0;
                while ((rest -= _took[i]) > 0) i++;
                return i;
            }
        }
    }
}
