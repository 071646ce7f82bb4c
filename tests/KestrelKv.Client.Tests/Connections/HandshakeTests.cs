using KestrelKv.Testing;

namespace KestrelKv.Client.Tests.Connections;

/// <summary>Connection attempts that fail, and what becomes of the calls that wait for them.</summary>
public sealed class HandshakeTests
{
    private readonly ScriptedServer _server = new();

    [Fact]
    public async Task Connect_User_AuthenticatesBeforeAnyRequest()
    {
        await using KestrelKvClient client = _server.CreateClient(options => (options.User, options.Secret) = ("ada", "a \"secret\""));
        Task<Entry<int>> call = client.GetAsync<int>("k").AsTask();
        ScriptedConnection connection = await _server.AcceptRawAsync();
        Assert.Equal("""{"func": "AUTH", "params": {"user": "ada", "secret": "a \"secret\""}}""", await connection.ReadAsync());
        connection.Reply("""{"status": "OK", "response": {"func": "AUTH", "response": {"user": "ada"}}}""");
        Assert.Equal("k", ScriptedConnection.KeyOf(await connection.ReadAsync()));
        connection.Reply(ScriptedConnection.Found("1"));
        Assert.Equal(1, (await call).Value);
    }

    [Fact]
    public async Task Connect_SecretProvider_IsAskedForEachConnection()
    {
        int secrets = 0;
        await using KestrelKvClient client = _server.CreateClient(options =>
            (options.User, options.SecretProvider) = ("ada", _ => new($"s{++secrets}")));
        Task<Entry<int>> call = client.GetAsync<int>("k").AsTask();
        for (int i = 1; i <= 3; i++)
        {
            ScriptedConnection connection = await _server.AcceptRawAsync();
            Assert.Equal($$$"""{"func": "AUTH", "params": {"user": "ada", "secret": "s{{{i}}}"}}""", await connection.ReadAsync());
            connection.Reply("""{"status": "OK", "response": {"func": "AUTH", "response": {"user": "ada"}}}""");
            await connection.ReadAsync();
            if (i < 3) connection.Break();
            else connection.Reply(ScriptedConnection.Found("1"));
        }
        await call;
    }

    [Theory]
    [InlineData("auth_failed")]
    [InlineData("protected_mode")]
    [InlineData("auth_required")]
    public async Task Connect_RefusalThatDoesNotPass_FailsQueuedCallsAndTheNextCallTriesAgain(string code)
    {
        await using KestrelKvClient client = _server.CreateClient();
        Task<Entry<int>>[] calls = [.. Enumerable.Range(0, 3).Select(_ => client.GetAsync<int>("k").AsTask())];
        ScriptedConnection refusing = await _server.AcceptRawAsync();
        await refusing.ReadAsync();
        refusing.Reply(ScriptedConnection.Error(code));
        RefusedException[] failures = await Task.WhenAll(calls.Select(call => Assert.ThrowsAsync<RefusedException>(() => call)));
        Assert.All(failures, failure => Assert.Equal((code, false), (failure.Code, failure.IsTransient)));
        Assert.Equal(3, failures.Distinct().Count());
        await refusing.AwaitEndAsync();
        Assert.Equal(1, _server.Attempts);

        Task<Entry<int>> next = client.GetAsync<int>("k").AsTask();
        ScriptedConnection connection = await _server.AcceptAsync();
        await connection.ReadAsync();
        connection.Reply(ScriptedConnection.Found("1"));
        Assert.Equal(1, (await next).Value);
        await BrokenConnectionTests.AssertNoCallsAsync(client);
    }

    [Theory]
    [InlineData("too_many_connections")]
    [InlineData("requests_full")]
    [InlineData("internal_error")]
    [InlineData("auth_timeout")]
    public async Task Connect_RefusalThatPasses_IsRetried(string code)
    {
        await using KestrelKvClient client = _server.CreateClient();
        Task<Entry<int>> call = client.GetAsync<int>("k").AsTask();
        for (int i = 0; i < 3; i++)
        {
            ScriptedConnection refusing = await _server.AcceptRawAsync();
            await refusing.ReadAsync();
            refusing.Reply(ScriptedConnection.Error(code));
        }
        ScriptedConnection connection = await _server.AcceptAsync();
        await connection.ReadAsync();
        connection.Reply(ScriptedConnection.Found("1"));
        Assert.Equal(1, (await call).Value);
    }

    [Fact]
    public async Task Connect_GarbageClosedOrRefusedConnections_AreRetried()
    {
        _server.IsDown = true;
        await using KestrelKvClient client = _server.CreateClient();
        Task<Entry<int>> call = client.GetAsync<int>("k").AsTask();
        await Wait.UntilAsync(() => _server.Attempts >= 3, () => "The client gave up.");
        _server.IsDown = false;
        byte[][] answers = ["HTTP/1.1 400 Bad Request\r\n\r\n"u8.ToArray(), Frames.Header(1, -1), Frames.Header(2, 0), Frames.Header(1, int.MaxValue), [1, 0, 0, 0], Frames.Of("{}"), Frames.Of("[]"), Frames.Of(""), Frames.Of("null")];
        foreach (byte[] answer in answers)
        {
            ScriptedConnection bad = await _server.AcceptRawAsync();
            await bad.ReadAsync();
            bad.Send(answer);
            bad.Close();
        }
        ScriptedConnection connection = await _server.AcceptAsync();
        await connection.ReadAsync();
        connection.Reply(ScriptedConnection.Found("1"));
        Assert.Equal(1, (await call).Value);
    }

    [Fact]
    public async Task Connect_SilentServer_IsLeftAfterConnectTimeout()
    {
        var time = new TestTime();
        await using KestrelKvClient client = _server.CreateClient(options => (options.Time, options.ConnectTimeout) = (time, TimeSpan.FromSeconds(5)));
        Task<Entry<int>> call = client.GetAsync<int>("k").AsTask();
        ScriptedConnection silent = await _server.AcceptRawAsync();
        await silent.ReadAsync();
        Task end = silent.AwaitEndAsync();
        time.Advance(TimeSpan.FromSeconds(4.9));
        Assert.False(end.IsCompleted);
        await Clock.AdvanceUntilAsync(time, end, TimeSpan.FromMilliseconds(50));
        await end;
        Task<ScriptedConnection> accepting = _server.AcceptAsync();
        await Clock.AdvanceUntilAsync(time, accepting, TimeSpan.FromMilliseconds(10));
        ScriptedConnection connection = await accepting;
        await connection.ReadAsync();
        connection.Reply(ScriptedConnection.Found("1"));
        Assert.Equal(1, (await call).Value);
    }

    [Fact]
    public async Task FailFast_FirstAttemptFails_NotSentWithTheReason()
    {
        _server.IsDown = true;
        await using KestrelKvClient client = _server.CreateClient(options => options.FailFast = true);
        for (int i = 0; i < 3; i++)
        {
            NotSentException failure = await Assert.ThrowsAsync<NotSentException>(() => client.GetAsync<int>("k").AsTask());
            Assert.Contains("The server is down.", failure.Message, StringComparison.Ordinal);
            Assert.False(failure.IsTimeout);
        }
        await BrokenConnectionTests.AssertNoCallsAsync(client);
    }

    [Fact]
    public async Task FailFast_ConnectionBroke_OnlySuchCallsFailAtOnce()
    {
        await using KestrelKvClient client = _server.CreateClient();
        Task<Entry<int>> sent = client.GetAsync<int>("sent").AsTask();
        ScriptedConnection first = await _server.AcceptAsync();
        await first.ReadAsync();
        first.Break();
        ScriptedConnection second = await _server.AcceptRawAsync();
        await Assert.ThrowsAsync<NotSentException>(() => client.GetAsync<int>("fast", new() { FailFast = true }).AsTask());
        Task<Entry<int>> patient = client.GetAsync<int>("patient").AsTask();
        await second.GreetAsync();
        Assert.Equal(["sent", "patient"], (await second.ReadManyAsync(2)).Select(ScriptedConnection.KeyOf));
        second.Reply(ScriptedConnection.Found("1"));
        second.Reply(ScriptedConnection.Found("2"));
        Assert.Equal([1, 2], (await Task.WhenAll(sent, patient)).Select(entry => entry.Value));
    }

    [Fact]
    public async Task FailFast_FullLaneWithoutAConnection_FailsAtOnce()
    {
        await using KestrelKvClient client = _server.CreateClient(options => options.CallsMax = 1);
        Task<Entry<int>> waiting = client.GetAsync<int>("waiting").AsTask();
        ScriptedConnection connection = await _server.AcceptAsync();
        await connection.ReadAsync();
        _server.IsDown = true;
        connection.Break();
        await Wait.UntilAsync(() => _server.Attempts > 1, () => "The client does not reconnect.");
        await Assert.ThrowsAsync<NotSentException>(() => client.GetAsync<int>("fast", new() { FailFast = true }).AsTask());
        Assert.False(waiting.IsCompleted);

        _server.IsDown = false;
        ScriptedConnection second = await _server.AcceptAsync();
        await second.ReadAsync();
        second.Reply(ScriptedConnection.Found("1"));
        Assert.Equal(1, (await waiting).Value);
    }

    [Fact]
    public async Task Connection_OfACallWithAContext_DoesNotKeepIt()
    {
        var context = new AsyncLocal<string?>();
        string? seen = "unset";
        await using KestrelKvClient client = _server.CreateClient(options =>
        {
            Func<CancellationToken, ValueTask<Stream>> connect = options.ConnectCallback!;
            options.ConnectCallback = token =>
            {
                seen = context.Value;
                return connect(token);
            };
        });
        context.Value = "the first caller's";
        Task<Entry<int>> call = client.GetAsync<int>("k").AsTask();
        ScriptedConnection connection = await _server.AcceptAsync();
        await connection.ReadAsync();
        connection.Reply(ScriptedConnection.Found("1"));
        Assert.Equal(1, (await call).Value);
        Assert.Null(seen);
    }

    [Fact]
    public async Task FailFast_SentReadWhoseServerIsGone_OutcomeUnknown()
    {
        await using KestrelKvClient client = _server.CreateClient(options => options.FailFast = true);
        Task<Entry<int>> sent = client.GetAsync<int>("k").AsTask();
        ScriptedConnection first = await _server.AcceptAsync();
        await first.ReadAsync();
        _server.IsDown = true;
        first.Break();
        await Assert.ThrowsAsync<OutcomeUnknownException>(() => sent);
        await BrokenConnectionTests.AssertNoCallsAsync(client);
    }
}
