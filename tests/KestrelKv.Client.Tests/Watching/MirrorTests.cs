using KestrelKv.Testing;

namespace KestrelKv.Client.Tests.Watching;

/// <summary>A mirror whose events the test sends: what readers see after each of them.</summary>
public sealed class MirrorTests
{
    private static readonly WatchEvent<int> Reset = new(WatchEventKind.Reset, "", 0, 0, null);
    private static readonly DateTimeOffset Later = DateTimeOffset.UnixEpoch.AddSeconds(10.5);

    private readonly WatchFeed _feed = new();

    [Fact]
    public async Task Start_FirstCopy_IsReturnedOnceItIsComplete()
    {
        Task<Mirror<int>> starting = Mirror<int>.StartAsync(_feed.ReadAsync, CancellationToken.None);
        await _feed.SendAsync(Reset, Put("a", 1, 10), Put("b", 3, 30) with { ExpiresAt = Later });
        Assert.False(starting.IsCompleted);
        await _feed.SendAsync(CaughtUp(4));

        await using Mirror<int> mirror = await starting.WaitAsync(Wait.Patience);
        Assert.Equal(4, mirror.Version);
        Assert.Equal([new("a", true, 10, 1, null), new("b", true, 30, 3, Later)], Sorted(mirror));
        Assert.Equal(2, mirror.Count);
        Assert.Equal(["a", "b"], mirror.Keys.Order());
        Assert.Equal([10, 30], mirror.Values.Select(entry => entry.Value).Order());
        Assert.Equal(10, mirror["a"].Value);
        Assert.True(mirror.ContainsKey("b"));
        Assert.True(mirror.TryGetValue("b", out Entry<int> b));
        Assert.Equal(30, b.Value);
        Assert.False(mirror.TryGetValue("c", out _));
        Assert.Throws<KeyNotFoundException>(() => mirror["c"]);
    }

    [Fact]
    public async Task Start_WatchFails_ThrowsItsErrorAndStops()
    {
        Task<Mirror<int>> starting = Mirror<int>.StartAsync(_feed.ReadAsync, CancellationToken.None);
        await _feed.SendAsync(Reset);
        var error = new InvalidDataException("The watch failed.");
        _feed.Fail(error);
        Assert.Same(error, await Assert.ThrowsAsync<InvalidDataException>(() => starting.WaitAsync(Wait.Patience)));
        Assert.True(_feed.Stop.IsCancellationRequested);
    }

    [Fact]
    public async Task Start_Canceled_StopsTheWatch()
    {
        using var canceler = new CancellationTokenSource();
        Task<Mirror<int>> starting = Mirror<int>.StartAsync(_feed.ReadAsync, canceler.Token);
        await _feed.SendAsync(Reset, Put("a", 1, 10));
        await canceler.CancelAsync();
        Assert.Equal(canceler.Token, (await Assert.ThrowsAnyAsync<OperationCanceledException>(() => starting.WaitAsync(Wait.Patience))).CancellationToken);
        Assert.True(_feed.Stop.IsCancellationRequested);
    }

    [Fact]
    public async Task Version_ChangesOfACommit_RisesOnceAllAreApplied()
    {
        await using Mirror<int> mirror = await StartAsync(4);
        await _feed.SendAsync(Put("a", 5, 50), Put("b", 5, 51));
        Assert.Equal(4, mirror.Version);
        await _feed.SendAsync(Progress(5));
        Assert.Equal(5, mirror.Version);
        Assert.Equal([new("a", true, 50, 5, null), new("b", true, 51, 5, null)], Sorted(mirror));

        // The commits in between concern other keys.
        await _feed.SendAsync(Progress(9));
        Assert.Equal(9, mirror.Version);
    }

    [Fact]
    public async Task Reset_UntilCaughtUp_KeepsThePreviousCopy()
    {
        await using Mirror<int> mirror = await StartAsync(4, Put("a", 1, 10), Put("b", 2, 20));
        Entry<int>[] previous = Sorted(mirror);
        await _feed.SendAsync(
            Reset, Put("b", 7, 70), Put("c", 8, 80), Put("d", 8, 81), new(WatchEventKind.Delete, "d", 0, 9, null), new(WatchEventKind.Delete, "a", 0, 9, null),
            new(WatchEventKind.SetExpiry, "b", 0, 9, Later));
        Assert.Equal(previous, Sorted(mirror));
        Assert.Equal(4, mirror.Version);

        await _feed.SendAsync(CaughtUp(9));
        Assert.Equal([new("b", true, 70, 9, Later), new("c", true, 80, 8, null)], Sorted(mirror));
        Assert.Equal(9, mirror.Version);
        await _feed.SendAsync(Put("a", 10, 100));
        Assert.Equal(100, mirror["a"].Value);
    }

    [Fact]
    public async Task Reset_EntriesAreGone_CopyIsEmpty()
    {
        await using Mirror<int> mirror = await StartAsync(4, Put("a", 1, 10));
        await _feed.SendAsync(Reset, CaughtUp(6));
        Assert.Empty(mirror);
        Assert.Equal(6, mirror.Version);
    }

    [Fact]
    public async Task SetExpiry_KnownKey_KeepsTheValue()
    {
        await using Mirror<int> mirror = await StartAsync(4, Put("a", 1, 10));
        await _feed.SendAsync(new WatchEvent<int>(WatchEventKind.SetExpiry, "a", 0, 5, Later));
        Assert.Equal(new("a", true, 10, 5, Later), mirror["a"]);
        await _feed.SendAsync(new WatchEvent<int>(WatchEventKind.SetExpiry, "a", 0, 6, null));
        Assert.Equal(new("a", true, 10, 6, null), mirror["a"]);
    }

    [Fact]
    public async Task SetExpiry_UnknownKey_AddsNoEntry()
    {
        await using Mirror<int> mirror = await StartAsync(4);
        await _feed.SendAsync(new WatchEvent<int>(WatchEventKind.SetExpiry, "a", 0, 5, Later));
        Assert.Empty(mirror);
    }

    [Theory]
    [InlineData(WatchEventKind.Delete)]
    [InlineData(WatchEventKind.Expire)]
    [InlineData(WatchEventKind.Evict)]
    public async Task Removal_EachKind_RemovesTheEntry(WatchEventKind kind)
    {
        await using Mirror<int> mirror = await StartAsync(4, Put("a", 1, 10), Put("b", 2, 20));
        await _feed.SendAsync(new(kind, "a", 0, 5, null), new(kind, "unknown", 0, 5, null), Progress(5));
        Assert.Equal([new("b", true, 20, 2, null)], Sorted(mirror));
        await _feed.SendAsync(Put("a", 6, 60));
        Assert.Equal(60, mirror["a"].Value);
    }

    [Fact]
    public async Task WaitForVersion_AlreadyReached_CompletesAtOnce()
    {
        await using Mirror<int> mirror = await StartAsync(4);
        Assert.True(mirror.WaitForVersionAsync(3).IsCompletedSuccessfully);
        Assert.True(mirror.WaitForVersionAsync(4).IsCompletedSuccessfully);
        Assert.Equal(0, mirror.Waits);
    }

    [Fact]
    public async Task WaitForVersion_Reached_CompletesTheWaitsUpToIt()
    {
        await using Mirror<int> mirror = await StartAsync(4);
        Task[] waits = [.. Enumerable.Range(5, 4).Select(version => mirror.WaitForVersionAsync(version))];
        await _feed.SendAsync(Put("a", 5, 50), Put("a", 6, 60));
        Assert.All(waits, wait => Assert.False(wait.IsCompleted));
        await _feed.SendAsync(Progress(6));
        await Task.WhenAll(waits[..2]).WaitAsync(Wait.Patience);
        Assert.All(waits[2..], wait => Assert.False(wait.IsCompleted));
        Assert.Equal(2, mirror.Waits);

        // A new copy reaches a version, too.
        await _feed.SendAsync(Reset, CaughtUp(20));
        await Task.WhenAll(waits).WaitAsync(Wait.Patience);
        Assert.Equal(0, mirror.Waits);
    }

    [Fact]
    public async Task WaitForVersion_Canceled_RemovesTheWaitAlone()
    {
        await using Mirror<int> mirror = await StartAsync(4);
        using var canceler = new CancellationTokenSource();
        Task other = mirror.WaitForVersionAsync(100);
        Task[] waits = [.. Enumerable.Range(0, 10).Select(_ => mirror.WaitForVersionAsync(100, canceler.Token))];
        Assert.Equal(11, mirror.Waits);
        await canceler.CancelAsync();
        foreach (Task wait in waits)
            Assert.Equal(canceler.Token, (await Assert.ThrowsAnyAsync<OperationCanceledException>(() => wait.WaitAsync(Wait.Patience))).CancellationToken);
        Assert.Equal(1, mirror.Waits);

        Assert.False(other.IsCompleted);
        await _feed.SendAsync(Progress(100));
        await other.WaitAsync(Wait.Patience);
    }

    [Fact]
    public async Task WaitForVersion_Disposed_Throws()
    {
        Mirror<int> mirror = await StartAsync(4);
        Task early = mirror.WaitForVersionAsync(5);
        await mirror.DisposeAsync();
        await Assert.ThrowsAsync<InvalidOperationException>(() => early.WaitAsync(Wait.Patience));
        await Assert.ThrowsAsync<InvalidOperationException>(() => mirror.WaitForVersionAsync(5).WaitAsync(Wait.Patience));
        Assert.Equal(0, mirror.Waits);
        await mirror.WaitForVersionAsync(4).WaitAsync(Wait.Patience);
    }

    [Fact]
    public async Task Completion_WatchFails_HasItsErrorAndTheCopyRemains()
    {
        await using Mirror<int> mirror = await StartAsync(4, Put("a", 1, 10));
        Task wait = mirror.WaitForVersionAsync(5);
        Assert.False(mirror.Completion.IsCompleted);
        var error = new InvalidDataException("The watch failed.");
        _feed.Fail(error);
        Assert.Same(error, await Assert.ThrowsAsync<InvalidDataException>(() => mirror.Completion.WaitAsync(Wait.Patience)));
        Assert.Same(error, (await Assert.ThrowsAsync<InvalidOperationException>(() => wait.WaitAsync(Wait.Patience))).InnerException);
        Assert.Equal(10, mirror["a"].Value);
        Assert.Equal(4, mirror.Version);
    }

    [Fact]
    public async Task Dispose_CopyRemainsAndCompletionSucceeds()
    {
        Mirror<int> mirror = await StartAsync(4, Put("a", 1, 10));
        await mirror.DisposeAsync();
        Assert.True(_feed.Stop.IsCancellationRequested);
        Assert.True(mirror.Completion.IsCompletedSuccessfully);
        Assert.Equal([new("a", true, 10, 1, null)], Sorted(mirror));
        Assert.Equal(4, mirror.Version);
        await mirror.DisposeAsync();
    }

    /// <summary>Returns a mirror with a complete copy.</summary>
    private async Task<Mirror<int>> StartAsync(long version, params WatchEvent<int>[] entries)
    {
        Task<Mirror<int>> starting = Mirror<int>.StartAsync(_feed.ReadAsync, CancellationToken.None);
        await _feed.SendAsync([Reset, .. entries, CaughtUp(version)]);
        return await starting.WaitAsync(Wait.Patience);
    }

    private static Entry<int>[] Sorted(Mirror<int> mirror) => [.. mirror.Select(pair => pair.Value).OrderBy(entry => entry.Key, StringComparer.Ordinal)];

    private static WatchEvent<int> Put(string key, long version, int value) => new(WatchEventKind.Put, key, value, version, null);

    private static WatchEvent<int> Progress(long version) => new(WatchEventKind.Progress, "", 0, version, null);

    private static WatchEvent<int> CaughtUp(long version) => new(WatchEventKind.CaughtUp, "", 0, version, null);
}
