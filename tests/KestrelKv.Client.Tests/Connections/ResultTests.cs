using KestrelKv.Testing;
using Xunit.Abstractions;

namespace KestrelKv.Client.Tests.Connections;

/// <summary>The ValueTask of a call: awaited late, twice or never; and that a call allocates nothing.</summary>
public sealed class ResultTests(ITestOutputHelper output)
{
    private readonly ScriptedServer _server = new();

    [Fact]
    public async Task Call_NotAwaited_LeavesItsLaneAndReturnsItsRequestId()
    {
        await using KestrelKvClient client = _server.CreateClient(options => options.CallsMax = 2);
        ScriptedConnection? connection = null;
        for (int i = 0; i < 10; i++)
        {
#pragma warning disable CA2012 // The subject of the test.
            _ = client.PutAsync("k", i);
#pragma warning restore CA2012
            connection ??= await _server.AcceptAsync();
            string request = await connection.ReadAsync();
            Assert.Contains($".1\", \"request_seq\": {i + 1}", request, StringComparison.Ordinal);
            connection.Reply(ScriptedConnection.Written(version: i + 1));
            await Wait.UntilAsync(() => client.CallsInProgress == 0, () => "The call has not left.");
        }
    }

    [Fact]
    public async Task Call_AwaitedTwice_ThrowsAndDoesNotDisturbOtherCalls()
    {
        await using KestrelKvClient client = _server.CreateClient();
        ValueTask<Entry<int>> first = client.GetAsync<int>("first");
        ScriptedConnection connection = await _server.AcceptAsync();
        await connection.ReadAsync();
        connection.Reply(ScriptedConnection.Found("1"));
        Assert.Equal(1, (await first).Value);

        // The second call is the first one's object.
        ValueTask<Entry<int>> second = client.GetAsync<int>("second");
        await connection.ReadAsync();
#pragma warning disable CA2012 // The subject of the test.
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await first);
        Assert.Throws<InvalidOperationException>(() => second.GetAwaiter().GetResult());
#pragma warning restore CA2012
        connection.Reply(ScriptedConnection.Found("2"));
        Assert.Equal(2, (await second).Value);
        await BrokenConnectionTests.AssertNoCallsAsync(client);
    }

    [Fact]
    public async Task Call_CanceledAndAwaitedTwice_ThrowsAndKeepsItsReply()
    {
        await using KestrelKvClient client = _server.CreateClient();
        using var canceler = new CancellationTokenSource();
        ValueTask<Entry<int>> canceled = client.GetAsync<int>("canceled", cancellationToken: canceler.Token);
        ScriptedConnection connection = await _server.AcceptAsync();
        await connection.ReadAsync();
        await canceler.CancelAsync();
#pragma warning disable CA2012 // The subject of the test.
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await canceled);
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await canceled);
#pragma warning restore CA2012

        // The late reply belongs to the canceled call, whose object no other call may have.
        Task<Entry<int>> next = client.GetAsync<int>("next").AsTask();
        await connection.ReadAsync();
        connection.Reply(ScriptedConnection.Found("1"));
        connection.Reply(ScriptedConnection.Found("2"));
        Assert.Equal(2, (await next).Value);
        await BrokenConnectionTests.AssertNoCallsAsync(client);
    }

    [Fact]
    public async Task Calls_AwaitedInReverse_HaveTheirResults()
    {
        await using KestrelKvClient client = _server.CreateClient();
        ValueTask<Entry<int>>[] calls = [.. Enumerable.Range(0, 100).Select(i => client.GetAsync<int>($"{i}"))];
        ScriptedConnection connection = await _server.AcceptAsync();
        await connection.ReadManyAsync(calls.Length);
        for (int i = 0; i < calls.Length; i++) connection.Reply(ScriptedConnection.Found($"{i}"));
        for (int i = calls.Length - 1; i >= 0; i--) Assert.Equal(i, (await calls[i]).Value);
        await BrokenConnectionTests.AssertNoCallsAsync(client);
    }

    [Theory]
    [InlineData(100, 1_000)]
    [InlineData(4_096, 100)] // A pool keeps 256 arrays.
    public async Task Calls_WithReusedMemory_AllocateNothing(int valueBytes, int inFlight)
    {
        await using ServerProcess server = await ServerProcess.StartAsync(["Data:Durability=Memory"]);
        output.WriteLine(await TestPrograms.RunAsync(nameof(Allocations), server.WirePort, valueBytes, inFlight));
    }
}
