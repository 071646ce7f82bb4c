using System.Text;
using KestrelKv.Storage.Embedded;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Tests.Embedded;

/// <summary>Expiry when the system clock is set forward and back.</summary>
public sealed class ClockTests : IDisposable
{
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(100);

    private readonly TestTime _time = new();
    private readonly EmbeddedStore _store;

    public ClockTests() => _store = new EmbeddedStore(_time);

    public void Dispose() => _store.Dispose();

    [Fact]
    public void ExecuteAsync_ClockSetForwardAndBack_ExpiresOnTime()
    {
        Put("before", TimeSpan.FromHours(1));
        _time.Offset += TimeSpan.FromDays(1);
        Assert.False(Exists("before"));
        _time.Offset -= TimeSpan.FromDays(1);

        // An entry that was seen as expired does not reappear.
        Assert.False(Exists("before"));
        _time.Advance(Period);
        Assert.False(Exists("before"));

        Put("after", TimeSpan.FromMinutes(1));
        Assert.True(Exists("after"));
        _time.Advance(TimeSpan.FromSeconds(59));
        Assert.True(Exists("after"));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.False(Exists("after"));
    }

    [Fact]
    public void Clock_SetBackBeforeSweep_AgreesWithExpiry()
    {
        _ = Exists("anything with an expiry");
        Put("a", TimeSpan.FromHours(48));
        _time.Offset += TimeSpan.FromDays(1);
        Assert.True(Exists("a"));
        _time.Offset -= TimeSpan.FromDays(1);

        // A TTL is computed from the store's clock: the entry is not expired at once.
        Put("b", TimeSpan.FromMinutes(1));
        Assert.True(Exists("b"));
    }

    private void Put(string key, TimeSpan timeToLive) => _store.ExecuteAsync(
        new[] { Operation.Put(Encoding.UTF8.GetBytes(key), "1"u8.ToArray(), (_store.Clock.GetUtcNow() + timeToLive).ToUnixTimeMilliseconds()) },
        new CountingSink()).Completed();

    private bool Exists(string key)
    {
        var sink = new RecordingSink();
        _store.ExecuteAsync(new[] { Operation.Get(Encoding.UTF8.GetBytes(key)) }, sink).Completed();
        return sink.Results[0].Status == ResultStatus.Done;
    }
}
