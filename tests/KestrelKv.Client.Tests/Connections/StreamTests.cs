using KestrelKv.Testing;

namespace KestrelKv.Client.Tests.Connections;

/// <summary>What the server sends on a connection in use: split frames, errors that close it, garbage, silence.</summary>
public sealed class StreamTests
{
    private readonly ScriptedServer _server = new();

    [Fact]
    public async Task Replies_SplitAtEveryByteAndOneByteAtATime_ReachTheirCalls()
    {
        await using KestrelKvClient client = _server.CreateClient();
        Task<Entry<string>[]> calls = CallAsync();
        ScriptedConnection connection = await _server.AcceptAsync();
        byte[] replies = Frames.Stream([ScriptedConnection.Found("\"a\""), ScriptedConnection.Found("\"\u00e4\"")]);
        for (int split = 0; split <= replies.Length; split++)
        {
            await connection.ReadManyAsync(2);
            connection.Send(replies[..split]);
            connection.Send(replies[split..]);
            Assert.Equal(["a", "\u00e4"], (await calls).Select(entry => entry.Value));
            calls = CallAsync();
        }
        await connection.ReadManyAsync(2);
        foreach (byte next in replies) connection.Send([next]);
        Assert.Equal(["a", "\u00e4"], (await calls).Select(entry => entry.Value));
        Assert.Equal(1, _server.Attempts);

        async Task<Entry<string>[]> CallAsync()
        {
            Task<Entry<string>> one = client.GetAsync<string>("a").AsTask(), other = client.GetAsync<string>("b").AsTask();
            return [await one, await other];
        }
    }

    [Fact]
    public async Task Replies_LongerThanTheBuffer_ReachTheirCalls()
    {
        await using KestrelKvClient client = _server.CreateClient();
        ScriptedConnection? connection = null;
        foreach (int length in (int[])[65_400, 65_536, 200_000, 10, 300_000])
        {
            Task<Entry<string>> first = client.GetAsync<string>("a").AsTask(), second = client.GetAsync<string>("b").AsTask();
            connection ??= await _server.AcceptAsync();
            await connection.ReadManyAsync(2);
            string value = new('x', length);
            connection.Send(Frames.Stream([ScriptedConnection.Found($"\"{value}\""), ScriptedConnection.Found("\"next\"")]));
            Assert.Equal(value, (await first).Value);
            Assert.Equal("next", (await second).Value);
        }
        Assert.Equal(1, _server.Attempts);
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("\0")]
    [InlineData("{\"error\": {\"code\": 5}}")]
    [InlineData("{\"error\": {\"index\": null}}")]
    public async Task Reply_Unreadable_EndsItsCallAndTheConnection(string reply)
    {
        await using KestrelKvClient client = _server.CreateClient();
        Task<Entry<int>>[] calls = [.. Enumerable.Range(0, 3).Select(i => client.GetAsync<int>($"{i}").AsTask())];
        ScriptedConnection first = await _server.AcceptAsync();
        await first.ReadManyAsync(calls.Length);
        first.Send(Frames.Stream([ScriptedConnection.Found("0"), reply]));
        Assert.Equal(0, (await calls[0]).Value);
        await Assert.ThrowsAsync<OutcomeUnknownException>(() => calls[1]);

        ScriptedConnection second = await _server.AcceptAsync();
        Assert.Equal("2", ScriptedConnection.KeyOf(await second.ReadAsync()));
        second.Reply(ScriptedConnection.Found("2"));
        Assert.Equal(2, (await calls[2]).Value);
        await BrokenConnectionTests.AssertNoCallsAsync(client);
    }

    [Fact]
    public async Task Reply_WithGarbageAfterIt_ReachesItsCall()
    {
        await using KestrelKvClient client = _server.CreateClient();
        Task<Entry<int>> call = client.GetAsync<int>("a").AsTask();
        ScriptedConnection connection = await _server.AcceptAsync();
        await connection.ReadAsync();
        connection.Send([.. Frames.Stream([ScriptedConnection.Found("7")]), .. "HTTP/1.1 400 Bad Request"u8]);
        Assert.Equal(7, (await call).Value);

        Task<Entry<int>> next = client.GetAsync<int>("b").AsTask();
        ScriptedConnection second = await _server.AcceptAsync();
        await second.ReadAsync();
        second.Reply(ScriptedConnection.Found("8"));
        Assert.Equal(8, (await next).Value);
    }

    [Fact]
    public async Task Requests_LongerThanTheBuffer_AreSentWholeAndInOrder()
    {
        await using KestrelKvClient client = _server.CreateClient();
        int[] lengths = [10, 70_000, 10, 65_000, 65_000, 200_000, 10];
        Task<WriteResult>[] calls = [.. lengths.Select((length, i) => client.PutAsync($"{i}", new string('x', length)).AsTask())];
        ScriptedConnection first = await _server.AcceptAsync();
        string[] requests = await first.ReadManyAsync(lengths.Length);
        Assert.Equal(Enumerable.Range(0, lengths.Length).Select(i => $"{i}"), requests.Select(ScriptedConnection.KeyOf));
        first.Break();
        ScriptedConnection second = await _server.AcceptAsync();
        Assert.Equal(requests, await second.ReadManyAsync(lengths.Length));
        for (int i = 0; i < lengths.Length; i++) second.Reply(ScriptedConnection.Written(i + 1));
        Assert.Equal(Enumerable.Range(1, lengths.Length).Select(i => (long)i), (await Task.WhenAll(calls)).Select(result => result.Version));
        await BrokenConnectionTests.AssertNoCallsAsync(client);
    }

    [Theory]
    [InlineData("idle_timeout")]
    [InlineData("auth_revoked")]
    [InlineData("auth_timeout")]
    [InlineData("requests_full")]
    [InlineData("internal_error")]
    [InlineData("too_many_connections")]
    [InlineData("truncated_frame")]
    public async Task ClosingError_WhileRepliesAreDue_IsNotTheReplyOfACall(string code)
    {
        await using KestrelKvClient client = _server.CreateClient();
        Task<Entry<int>> answered = client.GetAsync<int>("answered").AsTask(), due = client.GetAsync<int>("due").AsTask();
        ScriptedConnection first = await _server.AcceptAsync();
        await first.ReadManyAsync(2);
        first.Send(Frames.Stream([ScriptedConnection.Found("1"), ScriptedConnection.Error(code)]));
        Assert.Equal(1, (await answered).Value);
        ScriptedConnection second = await _server.AcceptAsync();
        Assert.Equal("due", ScriptedConnection.KeyOf(await second.ReadAsync()));
        second.Reply(ScriptedConnection.Found("2"));
        Assert.Equal(2, (await due).Value);
    }

    [Fact]
    public async Task ClosingError_OnAnIdleConnection_DoesNotConcernTheNextCall()
    {
        await using KestrelKvClient client = _server.CreateClient();
        Task<Entry<int>> call = client.GetAsync<int>("k").AsTask();
        ScriptedConnection first = await _server.AcceptAsync();
        await first.ReadAsync();
        first.Reply(ScriptedConnection.Found("1"));
        await call;
        first.Reply(ScriptedConnection.Error("idle_timeout"));
        await first.AwaitEndAsync();
        Assert.Equal(1, _server.Attempts);

        call = client.GetAsync<int>("k").AsTask();
        ScriptedConnection second = await _server.AcceptAsync();
        await second.ReadAsync();
        second.Reply(ScriptedConnection.Found("2"));
        Assert.Equal(2, (await call).Value);
    }

    [Fact]
    public async Task ClosingError_FrameTooLong_IsTheReplyOfItsCallAlone()
    {
        await using KestrelKvClient client = _server.CreateClient();
        Task<WriteResult> refused = client.PutAsync("long", 1).AsTask(), other = client.PutAsync("other", 1).AsTask();
        ScriptedConnection first = await _server.AcceptAsync();
        await first.ReadManyAsync(2);
        first.Reply(ScriptedConnection.Error("frame_too_long"));
        Assert.Equal("frame_too_long", (await Assert.ThrowsAsync<RefusedException>(() => refused)).Code);
        ScriptedConnection second = await _server.AcceptAsync();
        Assert.Equal("other", ScriptedConnection.KeyOf(await second.ReadAsync()));
        second.Reply(ScriptedConnection.Written(2));
        Assert.Equal(2, (await other).Version);
    }

    public static TheoryData<byte[]> Garbage => new(
        Frames.Header(1, -1), Frames.Header(1, int.MinValue), Frames.Header(0, 10), Frames.Header(2, 10), Frames.Header(1, int.MaxValue),
        Frames.Header(1, 2_001), "HTTP/1.1 200 OK\r\n"u8.ToArray());

    [Theory]
    [MemberData(nameof(Garbage))]
    public async Task Garbage_WhileAReplyIsDue_BreaksTheConnection(byte[] garbage)
    {
        await using KestrelKvClient client = _server.CreateClient(options => options.ReplyBytesMax = 2_000);
        Task<Entry<int>> read = client.GetAsync<int>("k").AsTask();
        ScriptedConnection first = await _server.AcceptAsync();
        await first.ReadAsync();
        first.Send(garbage);
        await first.AwaitEndAsync();
        ScriptedConnection second = await _server.AcceptAsync();
        await second.ReadAsync();
        second.Reply(ScriptedConnection.Found("1"));
        Assert.Equal(1, (await read).Value);
    }

    [Fact]
    public async Task Garbage_AtMostOnceWrite_OutcomeUnknown()
    {
        await using KestrelKvClient client = _server.CreateClient(options => options.Retry = WriteRetry.AtMostOnce);
        Task<WriteResult> write = client.PutAsync("k", 1).AsTask();
        ScriptedConnection connection = await _server.AcceptAsync();
        await connection.ReadAsync();
        connection.Send(Frames.Header(7, 7));
        OutcomeUnknownException failure = await Assert.ThrowsAsync<OutcomeUnknownException>(() => write);
        Assert.Contains("version 7", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Unsolicited_Reply_BreaksTheConnectionAndReachesNoCall()
    {
        await using KestrelKvClient client = _server.CreateClient();
        Task<Entry<int>> call = client.GetAsync<int>("k").AsTask();
        ScriptedConnection first = await _server.AcceptAsync();
        await first.ReadAsync();
        first.Send(Frames.Stream([ScriptedConnection.Found("1"), ScriptedConnection.Found("2")]));
        Assert.Equal(1, (await call).Value);
        await first.AwaitEndAsync();

        call = client.GetAsync<int>("k").AsTask();
        ScriptedConnection second = await _server.AcceptAsync();
        await second.ReadAsync();
        second.Reply(ScriptedConnection.Found("3"));
        Assert.Equal(3, (await call).Value);
    }

    [Fact]
    public async Task Silence_LongerThanStallTimeout_BreaksTheConnection()
    {
        var time = new TestTime();
        await using KestrelKvClient client = _server.CreateClient(options =>
            (options.Time, options.StallTimeout, options.Timeout) = (time, TimeSpan.FromSeconds(5), Timeout.InfiniteTimeSpan));
        Task<Entry<int>> call = client.GetAsync<int>("k").AsTask();
        ScriptedConnection first = await _server.AcceptAsync();
        await first.ReadAsync();
        Task end = first.AwaitEndAsync();
        time.Advance(TimeSpan.FromSeconds(4.9));
        Assert.False(end.IsCompleted);
        await Clock.AdvanceUntilAsync(time, end, TimeSpan.FromMilliseconds(50));
        Task<ScriptedConnection> accepting = _server.AcceptAsync();
        await Clock.AdvanceUntilAsync(time, accepting, TimeSpan.FromMilliseconds(10));
        ScriptedConnection second = await accepting;
        await second.ReadAsync();
        second.Reply(ScriptedConnection.Found("1"));
        Assert.Equal(1, (await call).Value);
    }

    [Fact]
    public async Task Silence_OnAnIdleConnection_IsNoStall()
    {
        var time = new TestTime();
        await using KestrelKvClient client = _server.CreateClient(options =>
            (options.Time, options.StallTimeout, options.Timeout) = (time, TimeSpan.FromSeconds(5), Timeout.InfiniteTimeSpan));
        ScriptedConnection? connection = null;
        for (int i = 0; i < 3; i++)
        {
            Task<Entry<int>> call = client.GetAsync<int>("k").AsTask();
            connection ??= await _server.AcceptAsync();
            await connection.ReadAsync();
            time.Advance(TimeSpan.FromSeconds(4));
            connection.Reply(ScriptedConnection.Found("1"));
            await call;
            for (int tick = 0; tick < 10; tick++) time.Advance(TimeSpan.FromSeconds(6));
        }
        Assert.Equal(1, _server.Attempts);
    }
}
