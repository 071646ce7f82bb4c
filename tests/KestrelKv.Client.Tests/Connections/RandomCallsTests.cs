using KestrelKv.Testing;

namespace KestrelKv.Client.Tests.Connections;

/// <summary>Many callers with random deadlines and cancellations, and a server that breaks connections at random: no reply reaches another call.</summary>
public sealed class RandomCallsTests
{
    private const int Callers = 40;
    private const int CallsOfEach = 150;

    [Fact]
    public Task Calls_UnderRandomFaults_GetTheirOwnReplies() => Seeds.RunAsync(async random =>
    {
        var server = new ScriptedServer();
        using var stop = new CancellationTokenSource();
        await using KestrelKvClient client = server.CreateClient(options => options.CallsMax = Callers / 2);
        Task serving = ServeAsync(server, random.Next(), stop.Token);
        int answered = 0, failed = 0;
        await Task.WhenAll(Enumerable.Range(0, Callers).Select(caller => Task.Run(async () =>
        {
            var own = new Random(Seeds.Seed + caller);
            for (int i = 0; i < CallsOfEach; i++)
            {
                string key = $"{caller}.{i}";
                bool ok = await TryCallAsync(client, key, own);
                Interlocked.Increment(ref ok ? ref answered : ref failed);
            }
        })));
        await BrokenConnectionTests.AssertNoCallsAsync(client);
        Assert.True(answered > 0 && failed > 0, $"{answered} calls were answered, {failed} failed: the test shows nothing.");
        Assert.True(server.Attempts > 1, "No connection broke.");
        await stop.CancelAsync();
        await client.DisposeAsync();
        await serving;
    });

    /// <summary>Calls once.</summary>
    /// <returns>Whether the call was answered. A failure must be one that the call may have.</returns>
    private static async Task<bool> TryCallAsync(KestrelKvClient client, string key, Random random)
    {
        TimeSpan timeout = random.Next(4) == 0 ? TimeSpan.FromMilliseconds(random.Next(1, 120)) : Wait.Patience;
        bool cancels = random.Next(4) == 0;
        using var canceler = new CancellationTokenSource();
        bool isWrite = random.Next(2) == 0;
        Task<(string? Value, long Version)> call = isWrite ? PutAsync() : GetAsync();
        if (cancels)
        {
            for (int yields = random.Next(30); yields > 0; yields--) await Task.Yield();
            await canceler.CancelAsync();
        }
        try
        {
            (string? value, long version) = await call;
            if (!isWrite) Assert.Equal($"value of {key}", value);
            Assert.Equal(VersionOf(key), version);
            return true;
        }
        catch (OperationCanceledException e) when (cancels)
        {
            Assert.IsAssignableFrom<KestrelKvException>(e.InnerException);
            return false;
        }
        catch (KestrelKvException e) when (timeout < Wait.Patience)
        {
            Assert.True(e.IsTimeout, e.ToString());
            return false;
        }

        async Task<(string?, long)> GetAsync()
        {
            Entry<string> entry = await client.GetAsync<string>(key, new() { Timeout = timeout }, canceler.Token);
            return (entry.Value, entry.Version);
        }

        async Task<(string?, long)> PutAsync()
        {
            WriteResult result = await client.PutAsync(key, 1, new() { Timeout = timeout }, canceler.Token);
            return (null, result.Version);
        }
    }

    private static async Task ServeAsync(ScriptedServer server, int seed, CancellationToken stop)
    {
        List<Task> connections = [];
        try
        {
            while (true)
            {
                ScriptedConnection connection = await server.AcceptRawAsync(stop);
                connections.Add(ServeAsync(connection, new Random(++seed)));
            }
        }
        catch (OperationCanceledException)
        {
            // The test has ended.
        }
        await Task.WhenAll(connections);
    }

    private static async Task ServeAsync(ScriptedConnection connection, Random random)
    {
        int left = random.Next(60);
        while (await connection.TryReadAsync() is { } request)
        {
            if (request.Contains("PING", StringComparison.Ordinal))
            {
                if (random.Next(10) == 0) break;
                connection.Reply(ScriptedConnection.Pong);
                continue;
            }
            string key = ScriptedConnection.KeyOf(request);
            bool isWrite = request.Contains("\"PUT\"", StringComparison.Ordinal);
            byte[] reply = Frames.Of(isWrite ? ScriptedConnection.Written(VersionOf(key)) : ScriptedConnection.Found($"\"value of {key}\"", VersionOf(key)));
            if (random.Next(20) == 0) await Task.Delay(random.Next(20));
            int split = random.Next(reply.Length + 1);
            connection.Send(reply[..split]);
            if (left-- == 0) break;
            connection.Send(reply[split..]);
        }
        if (random.Next(2) == 0) connection.Break();
        else connection.Close();
    }

    private static long VersionOf(string key) => key.Aggregate(7L, (hash, letter) => hash * 31 % 1_000_000_007 + letter);
}
