using System.Globalization;
using System.Text;
using KestrelKv.Storage.Embedded;

namespace KestrelKv.Storage.Tests.Embedded;

/// <summary>Counts of more entries than one step processes.</summary>
public sealed class EntryCountTests : IDisposable
{
    private const int Keys = 25_000;
    private readonly EmbeddedStore _store = new(TimeProvider.System);

    public EntryCountTests()
    {
        Operation[] puts =
            [.. Enumerable.Range(0, Keys).Select(i => Operation.Put(Encoding.UTF8.GetBytes(i.ToString("d5", CultureInfo.InvariantCulture)), "1"u8.ToArray()))];
        _store.ExecuteAsync(puts, new CountingSink()).Completed();
    }

    public void Dispose() => _store.Dispose();

    [Theory]
    [InlineData(int.MaxValue, Keys)]
    [InlineData(20_000, 20_000)]
    [InlineData(20_001, 20_001)]
    [InlineData(Keys, Keys)]
    public async Task CountAsync_ManySteps_CountsEachEntryOnce(int limit, int count)
    {
        Assert.Equal(count, await _store.CountAsync(new ListQuery { Limit = limit }));
        Assert.Equal(count, await _store.CountAsync(new ListQuery { Limit = limit, Descending = true }));
    }

    [Fact]
    public async Task CountAsync_PrefixAndBounds_ApplyInEachStep()
    {
        Assert.Equal(10_000, await _store.CountAsync(new ListQuery { Limit = int.MaxValue, Prefix = "1"u8.ToArray() }));
        Assert.Equal(
            12_344,
            await _store.CountAsync(new ListQuery { Limit = int.MaxValue, After = "00000"u8.ToArray(), Until = "12345"u8.ToArray() }));
    }
}
