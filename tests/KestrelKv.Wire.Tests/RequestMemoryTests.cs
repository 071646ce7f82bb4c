using KestrelKv.Testing;

namespace KestrelKv.Wire.Tests;

/// <summary>Large incomplete requests of all connections together take limited memory.</summary>
public sealed class RequestMemoryTests
{
    private const int Total = 1024 * 1024;
    private static readonly TimeSpan WriteTimeout = TimeSpan.FromSeconds(20);
    private static readonly byte[] Large = Frames.Of(Frames.Put("a", $"\"{new string('v', 600_000)}\""));

    [Fact]
    public async Task Serve_TwoLargeRequests_SecondWaitsUntilFirstIsExecuted()
    {
        using TestWire wire = Wire();
        TestClient first = wire.Connect();
        TestClient second = wire.Connect();
        first.Send(Large.AsSpan(0, 100_000));
        Assert.Equal(Large.Length - 8, wire.Connections.Requests.Taken);
        second.Send(Large.AsSpan(0, 100_000));
        Assert.True(wire.Connections.Requests.HasWaiters);
        second.Send(Large.AsSpan(100_000));
        Assert.Equal(0, second.UnreadBytes());
        Assert.Equal(Frames.PutReply("b"), wire.Connect().Call(Frames.Put("b", "1")));

        first.Send(Large.AsSpan(100_000));
        Assert.Equal([Frames.PutReply("a")], await first.RepliesAsync(1));
        Assert.Equal([Frames.PutReply("a")], await second.RepliesAsync(1));
        await Wait.UntilAsync(() => wire.Connections.Requests.Taken == 0, () => "memory remains reserved");
    }

    [Fact]
    public async Task Serve_NoRoomInTime_RepliesRequestsFullAndCloses()
    {
        using TestWire wire = Wire();
        wire.Connections.Requests.Take(Total);
        TestClient client = wire.Connect();
        client.Send(Large.AsSpan(0, 100_000));
        wire.Advance(WriteTimeout);
        Assert.Equal("requests_full", Frames.ErrorCode(Assert.Single(await client.RepliesAsync(1))));
        await wire.AdvanceUntilServedAsync(client, TimeSpan.FromSeconds(1));
        Assert.Equal(1, wire.Metrics["kestrelkv.wire.connections.closed{reason=requests_full}"]);
        Assert.Equal(Total, wire.Connections.Requests.Taken);
    }

    [Fact]
    public async Task Serve_LargeRequestStallsWhileOthersWait_IsAborted()
    {
        using TestWire wire = Wire();
        TestClient slow = wire.Connect();
        slow.Send(Large.AsSpan(0, 1_000));
        wire.Advance(10 * WriteTimeout);
        Assert.Null(slow.Connection.Aborted);

        TestClient other = wire.Connect();
        other.Send(Large);
        wire.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal([Frames.PutReply("a")], await other.RepliesAsync(1));
        other.Send(Large.AsSpan(0, 1_000));
        wire.Advance(TimeSpan.FromSeconds(1));
        Assert.NotNull(slow.Connection.Aborted);
        await slow.ServedAsync();
        Assert.Equal(1, wire.Metrics["kestrelkv.wire.connections.closed{reason=requests_full}"]);
        other.Send(Large.AsSpan(1_000));
        Assert.Equal([Frames.PutReply("a")], await other.RepliesAsync(1));
    }

    [Fact]
    public async Task Stop_RequestWaitsForRoom_EndsAtOnce()
    {
        using TestWire wire = Wire();
        wire.Connections.Requests.Take(Total);
        TestClient client = wire.Connect();
        client.Send(Large.AsSpan(0, 100_000));
        client.Connection.RequestClose();
        await wire.AdvanceUntilServedAsync(client, TimeSpan.FromMilliseconds(50));
        Assert.Equal(1, wire.Metrics["kestrelkv.wire.connections.closed{reason=stopping}"]);
    }

    private static TestWire Wire() => new(options => (options.RequestBytesTotalMax, options.WriteTimeout) = (Total, WriteTimeout));
}
