using System.Diagnostics.Metrics;
using KestrelKv.Client;
using KestrelKv.Client.Testing;
using KestrelKv.Extensions.Locks;
using KestrelKv.Testing;

namespace KestrelKv.Extensions.Tests.Locks;

/// <summary>Locks in one process, against a server in memory. The clock of the holder is one that the test advances.</summary>
public sealed class LockTests : IAsyncLifetime, IAsyncDisposable
{
    private static readonly TimeSpan Expiry = TimeSpan.FromSeconds(30);

    private readonly TestTime _time = new();
    private readonly InMemoryServer _server = new();
    private readonly TimerCount _timers;
    private readonly KestrelKvClient _client;
    private readonly KestrelKvLockProvider _locks;

    public LockTests()
    {
        _timers = new(_time);
        _client = _server.CreateClient();
        _locks = new(_client, new() { Expiry = Expiry, Time = _timers });
    }

    public Task InitializeAsync() => Task.CompletedTask;

    Task IAsyncLifetime.DisposeAsync() => DisposeAsync().AsTask();

    public async ValueTask DisposeAsync()
    {
        await _client.DisposeAsync();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task TryAcquire_FreeLock_ReturnsItsVersionAsToken()
    {
        KestrelKvLock some = _locks.CreateLock("a");
        await using KestrelKvLockHandle handle = (await some.TryAcquireAsync())!;

        Entry<LockHolder> entry = await _client.GetAsync<LockHolder>("locks/a");
        Assert.Equal(entry.Version, handle.FencingToken);
        Assert.True(handle.IsHeld);
        Assert.Equal((Environment.MachineName, Environment.ProcessId), (entry.Value!.Host, entry.Value.Process));
        Assert.NotNull(entry.ExpiresAt);
        Assert.Equal(entry.Value, await some.GetHolderAsync());
    }

    [Fact]
    public async Task TryAcquire_HeldLock_ReturnsNull()
    {
        await using KestrelKvLockHandle handle = (await _locks.CreateLock("a").TryAcquireAsync())!;
        Assert.Null(await _locks.CreateLock("a").TryAcquireAsync());
        await using KestrelKvLockHandle? other = await _locks.CreateLock("ab").TryAcquireAsync();
        Assert.NotNull(other);
    }

    [Fact]
    public async Task Release_HeldLock_FreesItOnce()
    {
        KestrelKvLock some = _locks.CreateLock("a");
        KestrelKvLockHandle first = await some.AcquireAsync();
        Assert.True(await first.ReleaseAsync());
        Assert.False(first.IsHeld);
        Assert.False(first.LostToken.IsCancellationRequested);
        Assert.Null(await some.GetHolderAsync());

        await using KestrelKvLockHandle second = await some.AcquireAsync();
        Assert.True(second.FencingToken > first.FencingToken);
        await first.DisposeAsync();
        Assert.NotNull(await some.GetHolderAsync());
    }

    [Fact]
    public async Task Acquire_HeldLock_WaitsForTheRelease()
    {
        KestrelKvLock some = _locks.CreateLock("a");
        KestrelKvLockHandle handle = await some.AcquireAsync();
        Task<KestrelKvLockHandle> waiting = some.AcquireAsync();

        // The release of a lock whose name begins with the same letters is none of this one.
        await using (await _locks.CreateLock("ab").AcquireAsync())
        {
        }
        Assert.False(waiting.IsCompleted);
        await handle.DisposeAsync();
        await using KestrelKvLockHandle next = await waiting.WaitAsync(Wait.Patience);
        Assert.True(next.FencingToken > handle.FencingToken);
    }

    [Fact]
    public async Task Acquire_ManyWaiters_AcquireOneAfterTheOtherWithOneWatch()
    {
        KestrelKvLock some = _locks.CreateLock("a");
        KestrelKvLockHandle holder = await some.AcquireAsync();
        int holders = 0, overlaps = 0;
        int connections = _server.ConnectionCount;
        Task[] waiters = [.. Enumerable.Range(0, 50).Select(_ => CountAsync())];
        await Wait.UntilAsync(() => _server.ConnectionCount > connections, () => "there is no watch");

        // Time for further watches. The reads have a connection of their own.
        for (int i = 0; i < 500; i++) await _client.GetAsync<int>("read");
        Assert.Equal(connections + 2, _server.ConnectionCount);
        await holder.DisposeAsync();
        await Task.WhenAll(waiters).WaitAsync(Wait.Patience);
        Assert.Equal((0, 0), (holders, overlaps));

        async Task CountAsync()
        {
            await using KestrelKvLockHandle handle = await some.AcquireAsync();
            if (Interlocked.Increment(ref holders) != 1) Interlocked.Increment(ref overlaps);
            await Task.Yield();
            Interlocked.Decrement(ref holders);
        }
    }

    [Fact]
    public async Task Acquire_ConnectionBreaksWhileWaiting_StillAcquires()
    {
        KestrelKvLock some = _locks.CreateLock("a");
        KestrelKvLockHandle handle = await some.AcquireAsync();
        int connections = _server.ConnectionCount;
        Task<KestrelKvLockHandle> waiting = some.AcquireAsync();
        await Wait.UntilAsync(() => _server.ConnectionCount > connections, () => "there is no watch");
        _server.DropConnections();
        await handle.DisposeAsync();
        await using KestrelKvLockHandle next = await waiting.WaitAsync(Wait.Patience);
    }

    [Fact]
    public async Task Acquire_TimeoutPasses_Throws()
    {
        KestrelKvLock some = _locks.CreateLock("a");
        await using KestrelKvLockHandle handle = await some.AcquireAsync();
        Task<KestrelKvLockHandle> waiting = some.AcquireAsync(TimeSpan.FromSeconds(5));
        _time.Advance(TimeSpan.FromSeconds(5));
        TimeoutException error = await Assert.ThrowsAsync<TimeoutException>(() => waiting.WaitAsync(Wait.Patience));
        Assert.Contains("\"a\"", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Acquire_Canceled_Throws()
    {
        KestrelKvLock some = _locks.CreateLock("a");
        await using KestrelKvLockHandle handle = await some.AcquireAsync();
        using var cancel = new CancellationTokenSource();
        Task<KestrelKvLockHandle> waiting = some.AcquireAsync(cancellationToken: cancel.Token);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting.WaitAsync(Wait.Patience));
    }

    [Fact]
    public async Task Handle_TimePasses_IsRenewedAndKeepsItsToken()
    {
        int timers = _timers.Created;
        await using KestrelKvLockHandle handle = (await _locks.CreateLock("a").TryAcquireAsync())!;
        long version = handle.FencingToken;
        for (int i = 0; i < 6; i++)
        {
            // One timer for the expiry, one for each renewal.
            int expected = timers + 2 + i;
            await Wait.UntilAsync(() => _timers.Created >= expected, () => "no renewal is scheduled");
            _time.Advance(Expiry / 3);
            long last = version;
            await Wait.UntilAsync(async () => (version = (await _client.GetAsync<LockHolder>("locks/a")).Version) != last, () => "the lock is not renewed");
        }
        Assert.True(handle.IsHeld);
        Assert.False(handle.LostToken.IsCancellationRequested);
        Assert.True(handle.FencingToken < version);
        Assert.True(await handle.ReleaseAsync());
    }

    [Fact]
    public async Task Handle_EntryReplaced_IsLostAtTheNextRenewalAndLeavesTheOther()
    {
        int timers = _timers.Created;
        await using KestrelKvLockHandle handle = (await _locks.CreateLock("a").TryAcquireAsync())!;
        await _client.PutAsync("locks/a", "by hand");
        await Wait.UntilAsync(() => _timers.Created >= timers + 2, () => "no renewal is scheduled");
        _time.Advance(Expiry / 3);
        await Wait.UntilAsync(() => handle.LostToken.IsCancellationRequested, () => "the loss is not noticed");
        Assert.False(handle.IsHeld);
        Assert.False(await handle.ReleaseAsync());
        Assert.Equal("by hand", (await _client.GetAsync<string>("locks/a")).Value);
    }

    [Fact]
    public async Task Handle_ServerAway_IsLostBeforeItsExpiry()
    {
        await using var server = new InMemoryServer(_time);
        await using KestrelKvClient client = server.CreateClient(options => options.Time = TimeProvider.System);
        var options = new KestrelKvLockOptions { Expiry = Expiry, SafetyMargin = TimeSpan.FromSeconds(2), Time = _time };
        await using KestrelKvLockHandle handle = await new KestrelKvLockProvider(client, options).CreateLock("a").AcquireAsync();
        server.AcceptsConnections = false;
        server.DropConnections();

        _time.Advance(TimeSpan.FromSeconds(27.9));
        Assert.True(handle.IsHeld);
        _time.Advance(TimeSpan.FromSeconds(0.1));
        Assert.False(handle.IsHeld);
        await Wait.UntilAsync(() => handle.LostToken.IsCancellationRequested, () => "the loss is not noticed");

        // No other process can have it yet.
        server.AcceptsConnections = true;
        Assert.True((await client.GetAsync<LockHolder>("locks/a")).Found);
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.False((await client.GetAsync<LockHolder>("locks/a")).Found);
    }

    [Fact]
    public async Task Handle_ServerReturnsInTime_IsKept()
    {
        int timers = _timers.Created;
        await using KestrelKvLockHandle handle = (await _locks.CreateLock("a").TryAcquireAsync())!;
        await Wait.UntilAsync(() => _timers.Created >= timers + 2, () => "no renewal is scheduled");
        _server.AcceptsConnections = false;
        _server.DropConnections();
        _time.Advance(Expiry / 3);
        await Task.Yield();
        _server.AcceptsConnections = true;
        await Wait.UntilAsync(async () => (await _client.GetAsync<LockHolder>("locks/a")).Version != handle.FencingToken, () => "the lock is not renewed");
        Assert.True(handle.IsHeld);
        Assert.True(await handle.ReleaseAsync());
    }

    [Fact]
    public async Task Acquire_OutcomeUnknown_LeavesNoEntry()
    {
        // The first connection is that of writes. Its requests arrive late, after reads that were sent later.
        GatedStream? writes = null;
        await using KestrelKvClient client = _server.CreateClient(options => options.ConnectCallback = async stop =>
        {
            Stream stream = await _server.ConnectAsync(stop);
            return writes is null ? writes = new(stream) : stream;
        });
        KestrelKvLock some = new KestrelKvLockProvider(client, new() { Expiry = TimeSpan.FromHours(1) }).CreateLock("a");
        await using (await some.AcquireAsync())
        {
            // The connection is open.
        }
        writes!.CloseGate();
        using var cancel = new CancellationTokenSource();
        Task<KestrelKvLockHandle> acquiring = some.AcquireAsync(cancellationToken: cancel.Token);
        await writes.Waiting.WaitAsync(Wait.Patience);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => acquiring.WaitAsync(Wait.Patience));
        for (int i = 0; i < 100; i++) await client.GetAsync<int>("read");
        writes.OpenGate();

        // Long before the expiry.
        await using KestrelKvLockHandle next = await some.AcquireAsync().WaitAsync(Wait.Patience);
    }

    [Fact]
    public async Task Acquire_ServerWithOtherData_IsTriedAgain()
    {
        await using var other = new InMemoryServer();
        InMemoryServer server = _server;
        string host = $"{Guid.NewGuid():N}.test";
        await using KestrelKvClient client = _server.CreateClient(options =>
            (options.Host, options.ConnectCallback) = (host, stop => Volatile.Read(ref server).ConnectAsync(stop)));
        int tries = 0;
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, to) =>
        {
            if (instrument.Meter.Name == KestrelKvClient.TelemetryName) to.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<double>((_, _, tags, _) =>
        {
            if (tags.ToArray() is var all && all.Contains(new("server.address", host)) && all.Contains(new("db.operation.name", "PUT")))
                Interlocked.Increment(ref tries);
        });
        listener.Start();
        await using KestrelKvLockHandle handle = await _locks.CreateLock("a").AcquireAsync();
        for (int i = 0; i < 10; i++) await _client.PutAsync("other", i);
        Task<KestrelKvLockHandle> waiting = new KestrelKvLockProvider(client).CreateLock("a").AcquireAsync();

        // The second try follows the first event of the watch, which has a version from then on.
        await Wait.UntilAsync(() => Volatile.Read(ref tries) == 2, () => "there is no watch");

        // The second server has lower versions, so it refuses to continue the watch with future_version. There, the lock is free.
        Volatile.Write(ref server, other);
        _server.DropConnections();
        await using KestrelKvLockHandle acquired = await waiting.WaitAsync(Wait.Patience);
        Assert.True(acquired.IsHeld);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Acquire_ClientDisposed_Throws(bool isWaiting)
    {
        await using KestrelKvLockHandle handle = await _locks.CreateLock("a").AcquireAsync();
        KestrelKvClient client = _server.CreateClient();
        KestrelKvLock some = new KestrelKvLockProvider(client).CreateLock("a");
        int connections = _server.ConnectionCount;
        Task<KestrelKvLockHandle>? waiting = isWaiting ? some.AcquireAsync() : null;

        // One for writes, one for the watch.
        if (isWaiting) await Wait.UntilAsync(() => _server.ConnectionCount == connections + 2, () => "there is no watch");
        await client.DisposeAsync();
        await Assert.ThrowsAsync<NotSentException>(() => (waiting ?? some.AcquireAsync()).WaitAsync(Wait.Patience));
    }

    [Theory]
    [InlineData("00:00:00.099", null, "KestrelKvLockOptions.Expiry is 00:00:00.0990000, expected 00:00:00.1000000 to 1.00:00:00.")]
    [InlineData("00:00:10", "00:00:06", "KestrelKvLockOptions.SafetyMargin is 00:00:06, expected 00:00:00 to 00:00:05, half of Expiry.")]
    public void Provider_InvalidOption_IsNamed(string expiry, string? margin, string message)
    {
        var options = new KestrelKvLockOptions
        {
            Expiry = TimeSpan.Parse(expiry, null), SafetyMargin = margin is null ? null : TimeSpan.Parse(margin, null),
        };
        ArgumentException error = Assert.Throws<ArgumentException>(() => new KestrelKvLockProvider(_client, options));
        Assert.StartsWith(message, error.Message, StringComparison.Ordinal);
    }
}
