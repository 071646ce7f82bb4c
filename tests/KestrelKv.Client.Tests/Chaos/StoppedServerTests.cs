using KestrelKv.Testing;

namespace KestrelKv.Client.Tests.Chaos;

/// <summary>A server that hangs: its process is stopped (SIGSTOP), while its system accepts connections and data.</summary>
public sealed class StoppedServerTests
{
    private static readonly TimeSpan Short = TimeSpan.FromMilliseconds(300);

    [Fact]
    public async Task Calls_ToAStoppedServer_EndAtTheirDeadlinesWithTheRightOutcome()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        await using var client = new KestrelKvClient(RestartableServer.Options(server.WirePort));
        await using var late = new KestrelKvClient(RestartableServer.Options(server.WirePort));
        await client.CountAsync("");
        await client.GetAsync<int>("k");

        server.SendSignal("STOP");
        foreach (ValueTask<WriteResult> sent in Calls(client)) AssertTimeout(await Assert.ThrowsAsync<OutcomeUnknownException>(async () => await sent));
        AssertTimeout(await Assert.ThrowsAsync<OutcomeUnknownException>(async () => await client.GetAsync<int>("k", new GetOptions { Timeout = Short })));
        foreach (ValueTask<WriteResult> unsent in Calls(late)) AssertTimeout(await Assert.ThrowsAsync<NotSentException>(async () => await unsent));
        server.SendSignal("CONT");

        // The lane and its connection are the same, so the late requests were executed before this one. A later write on another lane could
        // overtake one of them and make the server refuse it.
        Assert.Equal(5, await client.CountAsync("key:"));
        Assert.Equal(5, (await client.IncrementAsync("n", 0)).Value);
        await Wait.UntilAsync(() => client.CallsInProgress == 0, () => $"{client.CallsInProgress} calls remain");
        await late.PingAsync();

        static List<ValueTask<WriteResult>> Calls(KestrelKvClient to) => [.. Enumerable.Range(0, 5).Select(i => CallAsync(to, i))];

        static async ValueTask<WriteResult> CallAsync(KestrelKvClient to, int i)
        {
            var options = new WriteOptions { Timeout = Short };
            BatchResult batch = await to.CreateBatch().Put($"key:{i}", i).Increment("n").CommitAsync(options);
            return batch.GetWrite(0);
        }
    }

    [Fact]
    public async Task StalledConnection_IsReplacedAndNothingIsExecutedTwice()
    {
        const int Increments = 50;
        await using ServerProcess server = await ServerProcess.StartAsync();
        KestrelKvClientOptions options = RestartableServer.Options(server.WirePort);
        options.StallTimeout = Short;
        options.ConnectTimeout = Short;
        await using var client = new KestrelKvClient(options);
        await client.IncrementAsync("n");

        server.SendSignal("STOP");
        Task<IncrementResult<long>>[] repeated = [.. Enumerable.Range(0, Increments).Select(_ => client.IncrementAsync("n").AsTask())];
        OutcomeUnknownException broken = await Assert.ThrowsAsync<OutcomeUnknownException>(
            async () => await client.IncrementAsync("once", 1, new WriteOptions { Retry = WriteRetry.AtMostOnce }));
        Assert.Contains(nameof(options.StallTimeout), broken.Message, StringComparison.Ordinal);
        Assert.False(broken.IsTimeout);

        // The server still receives the first requests from the broken connection, and then the retries.
        server.SendSignal("CONT");
        IncrementResult<long>[] results = await Task.WhenAll(repeated).WaitAsync(Wait.Patience);
        Assert.Equal(Enumerable.Range(2, Increments).Select(sum => (long)sum), results.Select(result => result.Value).Order());
        Assert.Equal(Increments + 1, (await client.GetAsync<long>("n")).Value);
        Assert.InRange((await client.GetAsync<long>("once")).Value, 0, 1);
    }

    [Fact]
    public async Task FailFastCalls_OnceTheConnectionIsKnownToBeBroken_DoNotWait()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        KestrelKvClientOptions options = RestartableServer.Options(server.WirePort);
        options.StallTimeout = Short;

        // A connection attempt takes as long as any wait: a call that waited for it would be noticed.
        options.ConnectTimeout = Wait.Patience;
        await using var client = new KestrelKvClient(options);
        await client.PutAsync("k", 1);

        server.SendSignal("STOP");
        await Assert.ThrowsAsync<OutcomeUnknownException>(async () => await client.PutAsync("k", 2, new WriteOptions { Retry = WriteRetry.AtMostOnce }));
        Task<WriteResult> waiting = client.PutAsync("k", 3).AsTask();
        var failFast = new WriteOptions { FailFast = true };
        for (int i = 0; i < 3; i++)
        {
            NotSentException failure = await Assert.ThrowsAsync<NotSentException>(async () => await client.PutAsync("k", 4, failFast));
            Assert.False(failure.IsTimeout, failure.Message);
        }

        server.SendSignal("CONT");
        Assert.True((await waiting.WaitAsync(Wait.Patience)).Applied);
        Assert.True((await client.PutAsync("k", 5, failFast)).Applied);
        Assert.Equal(5, (await client.GetAsync<int>("k")).Value);
    }

    private static void AssertTimeout(KestrelKvException failure) => Assert.True(failure.IsTimeout, failure.Message);
}
