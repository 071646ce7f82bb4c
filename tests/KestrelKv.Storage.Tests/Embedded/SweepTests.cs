using System.Text;
using KestrelKv.Storage.Embedded;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Tests.Embedded;

/// <summary>The times at which expired entries are removed, and the timer's suspension while no entry expires.</summary>
public sealed class SweepTests : IDisposable
{
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(10);

    private readonly TestTime _time = new();
    private readonly EmbeddedStore _store;

    public SweepTests() => _store = new EmbeddedStore(_time);

    public void Dispose() => _store.Dispose();

    [Fact]
    public void Sweep_NoExpiringEntries_RunsOnce()
    {
        Put("stays", timeToLive: null);
        Assert.Equal(1, TicksIn(TimeSpan.FromMinutes(1)));
    }

    [Fact]
    public void Sweep_LongTtl_RunsOncePerSecond()
    {
        Put("a", TimeSpan.FromHours(1));
        Assert.InRange(TicksIn(TimeSpan.FromMinutes(1)), 59, 62);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(99)]
    [InlineData(101)]
    [InlineData(999)]
    [InlineData(1_001)]
    [InlineData(90_000)]
    public void Sweep_EntryAfterSuspension_IsRemovedWithin100MillisecondsThenSuspends(int milliseconds)
    {
        TicksIn(TimeSpan.FromSeconds(5));
        Put("a", TimeSpan.FromMilliseconds(milliseconds));
        TicksIn(TimeSpan.FromMilliseconds(milliseconds) - Step);
        Assert.Equal(0, _store.GetStats().Expirations);
        TicksIn(TimeSpan.FromMilliseconds(100) + 2 * Step);
        Assert.Equal(1, _store.GetStats().Expirations);
        TicksIn(TimeSpan.FromSeconds(2));
        Assert.Equal(0, TicksIn(TimeSpan.FromMinutes(1)));
    }

    [Fact]
    public void Sweep_ExpiryBeforePlannedSweep_IsRemovedOnTime()
    {
        Put("later", TimeSpan.FromHours(1));
        TicksIn(TimeSpan.FromSeconds(5) + Step);
        Put("sooner", TimeSpan.FromMilliseconds(200));
        Put("later", TimeSpan.FromMilliseconds(300));
        TicksIn(TimeSpan.FromMilliseconds(220));
        Assert.Equal(1, _store.GetStats().Expirations);
        TicksIn(TimeSpan.FromMilliseconds(100));
        Assert.Equal(2, _store.GetStats().Expirations);
    }

    [Theory]
    [InlineData(500)]
    [InlineData(5_000)]
    [InlineData(3_600_000)]
    public void Sweep_TouchedEntry_IsRemovedAtItsNewExpiryAlone(int milliseconds)
    {
        // The touched entry moves behind the others in the order of expiries.
        Put("a", TimeSpan.FromMilliseconds(200));
        for (int i = 0; i < 100; i++) Put($"{i}", TimeSpan.FromMilliseconds(300));
        Touch("a", TimeSpan.FromMilliseconds(milliseconds));
        TicksIn(TimeSpan.FromMilliseconds(milliseconds) - Step);
        Assert.Equal(100, _store.GetStats().Expirations);
        Assert.Equal(1, _store.GetStats().Keys);
        TicksIn(TimeSpan.FromMilliseconds(100) + 2 * Step);
        Assert.Equal(101, _store.GetStats().Expirations);
    }

    /// <summary>Random touches among writes, against the expiry that each entry should have.</summary>
    [Fact]
    public void Sweep_RandomTouches_RemovesEachEntryAtItsLastExpiry() => Seeds.Run(random =>
    {
        using var store = new EmbeddedStore(_time);
        Dictionary<string, long> expected = [];
        for (int step = 0; step < 3_000; step++)
        {
            long now = _time.GetUtcNow().ToUnixTimeMilliseconds();
            string key = $"{random.Next(200)}";
            long expiresAt = now + random.Next(1, 2_000);
            bool touches = random.Next(4) > 0;
            byte[] name = Encoding.UTF8.GetBytes(key);
            store.ExecuteAsync(
                new[] { touches ? Operation.Touch(name, expiresAt) : Operation.Put(name, "1"u8.ToArray(), expiresAt) },
                new CountingSink()).Completed();
            if (!touches) expected[key] = expiresAt;
            else if (expected.TryGetValue(key, out long before) && before > now) expected[key] = Math.Max(before, expiresAt);
            if (random.Next(10) > 0) continue;

            _time.Advance(TimeSpan.FromMilliseconds(random.Next(200)));
            var sink = new RecordingEntrySink();
            store.ListAsync(new ListQuery { Limit = int.MaxValue }, sink).Completed();
            now = _time.GetUtcNow().ToUnixTimeMilliseconds();
            Assert.Equal(
                expected.Where(entry => entry.Value > now).OrderBy(entry => entry.Key, StringComparer.Ordinal),
                sink.Entries.ToDictionary(entry => entry.Key, entry => entry.ExpiresAt));
        }
    });

    [Fact]
    public void Sweep_WritesWithEarlierExpiries_DoNotDelayIt()
    {
        Put("a", TimeSpan.FromHours(1));
        TicksIn(TimeSpan.FromSeconds(5));
        for (int i = 0; i < 100 && _store.GetStats().Expirations == 0; i++)
        {
            Put("b", TimeSpan.FromMilliseconds(-i));
            _time.Advance(Step);
            Assert.InRange(i, 0, 12);
        }
    }

    [Fact]
    public void Sweep_Suspended_ClockFollowsSystemClock()
    {
        TicksIn(TimeSpan.FromSeconds(5));
        DateTimeOffset before = _store.Clock.GetUtcNow();
        _time.Offset = TimeSpan.FromHours(-1);
        Assert.Equal(before - TimeSpan.FromHours(1), _store.Clock.GetUtcNow());
    }

    [Fact]
    public void Sweep_EntriesAddedDuringSuspension_AreRemoved()
    {
        long puts = 0;
        bool over = false;
        var ticks = new Thread(() =>
        {
            while (!Volatile.Read(ref over)) _time.Advance(TimeSpan.FromMilliseconds(100));
        });
        ticks.Start();
        for (int i = 0; i < 2_000; i++)
        {
            Put($"{i}", TimeSpan.FromMilliseconds(1 + i % 3 * 100));
            puts++;
            if (i % 2 == 0) SpinWait.SpinUntil(() => _store.GetStats().Keys == 0, TimeSpan.FromSeconds(30));
        }
        Assert.True(SpinWait.SpinUntil(() => _store.GetStats().Keys == 0, TimeSpan.FromSeconds(30)));
        Volatile.Write(ref over, true);
        ticks.Join();
        Assert.Equal(puts, _store.GetStats().Expirations);
    }

    private int TicksIn(TimeSpan time)
    {
        int before = _time.Ticks;
        for (TimeSpan passed = TimeSpan.Zero; passed < time; passed += Step) _time.Advance(time - passed < Step ? time - passed : Step);
        return _time.Ticks - before;
    }

    private void Touch(string key, TimeSpan timeToLive) => _store.ExecuteAsync(
        new[] { Operation.Touch(Encoding.UTF8.GetBytes(key), (_store.Clock.GetUtcNow() + timeToLive).ToUnixTimeMilliseconds()) },
        new CountingSink()).Completed();

    private void Put(string key, TimeSpan? timeToLive) => _store.ExecuteAsync(
        new[]
        {
            Operation.Put(Encoding.UTF8.GetBytes(key), "1"u8.ToArray(),
                timeToLive is { } left ? (_store.Clock.GetUtcNow() + left).ToUnixTimeMilliseconds() : Operation.Never),
        },
        new CountingSink()).Completed();
}
