using KestrelKv.Testing;

namespace KestrelKv.Wire.Tests;

/// <summary>The timer of the connections, which runs only while connections are open.</summary>
public sealed class ConnectionTimerTests
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(500);

    [Fact]
    public void Timer_WithoutConnections_DoesNotTick()
    {
        using TestWire wire = WithoutOtherTimers();
        Assert.Equal(0, TicksInAMinute(wire));
    }

    [Fact]
    public async Task Timer_AfterLastConnection_TicksOnceMore()
    {
        using TestWire wire = WithoutOtherTimers();
        TestClient first = wire.Connect(), second = wire.Connect();
        await CloseAsync(first);
        Assert.Equal(120, TicksInAMinute(wire));
        await CloseAsync(second);
        Assert.True(wire.Connections.IsInUse);
        Assert.Equal(1, TicksInAMinute(wire));
        Assert.False(wire.Connections.IsInUse);
    }

    [Fact]
    public async Task Timer_ConnectionAfterStop_IsTimed()
    {
        using var wire = new TestWire(options => options.IdleTimeout = TimeSpan.FromSeconds(10));
        int uses = 0;
        wire.Connections.Used += () => uses++;
        for (int i = 0; i < 3; i++)
        {
            await CloseAsync(wire.Connect());
            TicksInAMinute(wire);
            TestClient client = wire.Connect();
            wire.Advance(TimeSpan.FromSeconds(10));
            Assert.Equal(["idle_timeout"], client.Replies().Select(Frames.ErrorCode));
            await CloseAsync(client);
            TicksInAMinute(wire);
        }
        Assert.Equal(6, uses);
    }

    [Fact]
    public async Task Timer_ConnectionsOpenAndCloseAtTick_AreAlwaysTimed()
    {
        using var wire = new TestWire();
        using var over = new CancellationTokenSource();
        Task ticks = Task.Run(() =>
        {
            while (!over.IsCancellationRequested) wire.Time.Advance(Tick);
        });
        for (int i = 0; i < 2_000; i++)
        {
            TestClient client = wire.Connect();
            for (int spin = i % 50; spin > 0; spin--) Thread.SpinWait(20);
            Assert.True(wire.Connections.IsInUse);
            await CloseAsync(client);
        }
        await over.CancelAsync();
        await ticks;
    }

    /// <summary>The timers of the store use another clock.</summary>
    private static TestWire WithoutOtherTimers() => new(store: new ManagedStore(new TestTime()));

    private static int TicksInAMinute(TestWire wire)
    {
        int before = wire.Time.Ticks;
        for (int i = 0; i < 120; i++) wire.Advance(Tick);
        return wire.Time.Ticks - before;
    }

    private static async Task CloseAsync(TestClient client)
    {
        client.EndSending();
        await client.ServedAsync();
    }
}
