using System.Text;
using KestrelKv.Protocol;
using KestrelKv.Testing;
using KestrelKv.Wire.Security;

namespace KestrelKv.Wire.Tests.Security;

/// <summary>AUTH, the limits before it, and changes of users while connections are open.</summary>
public sealed class AuthenticationTests
{
    private const Rights All = Rights.Read | Rights.Write | Rights.Watch;
    private const string WatchA = """{"func": "WATCH", "params": {"prefix": "a:"}, "id": "w"}""";

    private static readonly string AuthOk = """{"status": "OK", "response": {"func": "AUTH", "response": {"user": "one"}}}""";

    private readonly TestUsers _users = new();

    public AuthenticationTests()
    {
        _users.Set("one", ("a:", All));
        _users.Set("two", ("b:", All));
    }

    [Fact]
    public void Auth_AndCallsInOneSend_AreExecutedInOrder()
    {
        using var wire = new TestWire(access: _users);
        TestClient client = wire.Connect();
        client.Send(Frames.Put("a:1", "0"), TestUsers.Auth("one"), Frames.Put("a:1", "1"), Frames.Get("a:1"), TestUsers.Auth("two"), Frames.Get("a:1"));
        List<string> replies = client.Replies();

        Assert.Equal("auth_required", Frames.ErrorCode(replies[0]));
        Assert.Equal(AuthOk, replies[1]);
        Assert.Equal(Frames.GetReply("a:1", "1"), replies[3]);
        Assert.Equal("forbidden", Frames.ErrorCode(replies[5]));
        Assert.Equal(1, wire.Store.GetStats().Version);
    }

    [Fact]
    public void Auth_WithoutUsers_IsAnUnknownFunction()
    {
        using var wire = new TestWire();
        Assert.Equal(
            """{"status": "OK", "response": {"func": "AUTH", "response": "ERROR - Function doesn't exist"}}""",
            wire.Connect().Call(TestUsers.Auth("one")));
    }

    [Fact]
    public void Auth_Fails_DropsTheIdentityAndItsWatches()
    {
        using var wire = new TestWire(access: _users);
        TestClient client = wire.Connect();
        client.Call(TestUsers.Auth("one"));
        client.Call(WatchA);
        client.Send(TestUsers.Auth("one", "wrong"), Frames.Get("a:1"));
        List<string> replies = client.Replies();

        Assert.Contains("\"watch\": 1", replies[0], StringComparison.Ordinal);
        Assert.Equal("forbidden", Frames.ErrorCode(replies[0]));
        Assert.Equal("auth_failed", Frames.ErrorCode(replies[1]));
        Assert.Equal("auth_required", Frames.ErrorCode(replies[2]));
        Assert.Equal(0, wire.Store.GetStats().Watches);
    }

    [Fact]
    public void Auth_UnknownUserAndWrongSecret_HaveTheSameReply()
    {
        using var wire = new TestWire(access: _users);
        Assert.Equal(wire.Connect().Call(TestUsers.Auth("one", "x")), wire.Connect().Call(TestUsers.Auth("nobody", "x")));
    }

    [Fact]
    public async Task Auth_FailsThreeTimes_ClosesTheConnection()
    {
        using var wire = new TestWire(access: _users);
        TestClient client = wire.Connect();
        string wrong = TestUsers.Auth("one", "wrong");
        client.Send(wrong, wrong, wrong, TestUsers.Auth("one"), Frames.Put("a:1", "1"));
        List<string> replies = client.Replies();
        client.EndSending();
        await client.ServedAsync();

        Assert.Equal(["auth_failed", "auth_failed", "auth_failed"], replies.Select(Frames.ErrorCode));
        Assert.Equal(0, wire.Store.GetStats().Version);
        Assert.Equal(1, wire.Metrics["kestrelkv.wire.connections.closed{reason=auth_failed}"]);
    }

    [Fact]
    public async Task Frame_LargeBeforeAuth_IsRefusedFromItsHeader()
    {
        using var wire = new TestWire(access: _users);
        TestClient client = wire.Connect();
        client.Send(Frames.Header(1, (16 * 1024) + 1));
        client.EndSending();

        Assert.Equal("frame_too_long", Frames.ErrorCode(Assert.Single(await client.RepliesToEndAsync())));
    }

    [Fact]
    public void Frame_LargeAfterAuthInTheSameSend_IsAccepted()
    {
        using var wire = new TestWire(access: _users);
        TestClient client = wire.Connect();
        client.Send(TestUsers.Auth("one"), Frames.Put("a:1", $"\"{new string('x', 100_000)}\""));
        Assert.Equal(2, client.Replies().Count);
        Assert.Equal(1, wire.Store.GetStats().Version);
    }

    [Fact]
    public async Task AuthTimeout_SilentOrSlowClient_IsClosed()
    {
        using var wire = new TestWire(access: _users);
        TestClient client = wire.Connect();
        client.Send(Encoding.UTF8.GetBytes("\u0001"));
        wire.Advance(wire.Options.AuthTimeout);
        wire.Advance(TimeSpan.FromSeconds(1));
        client.EndSending();

        Assert.Equal("auth_timeout", Frames.ErrorCode(Assert.Single(await client.RepliesToEndAsync())));
        Assert.Equal(1, wire.Metrics["kestrelkv.wire.connections.closed{reason=auth_timeout}"]);
    }

    [Fact]
    public void AuthTimeout_AuthenticatedClient_RemainsOpen()
    {
        using var wire = new TestWire(access: _users);
        TestClient client = wire.Connect();
        client.Call(TestUsers.Auth("one"));
        wire.Advance(wire.Options.AuthTimeout * 2);
        Assert.Equal(Frames.GetReply("a:1", "null"), client.Call(Frames.Get("a:1")));
    }

    /// <summary>The time begins again with a failed AUTH, but not with later requests.</summary>
    [Fact]
    public async Task AuthTimeout_AfterAFailedAuth_Applies()
    {
        using var wire = new TestWire(access: _users);
        TestClient client = wire.Connect();
        client.Call(TestUsers.Auth("one"));
        wire.Advance(wire.Options.AuthTimeout * 2);
        client.Call(TestUsers.Auth("one", "wrong"));
        wire.Advance(wire.Options.AuthTimeout / 2);
        client.Call("""{"func": "PING"}""");
        wire.Advance(wire.Options.AuthTimeout / 2);
        wire.Advance(TimeSpan.FromSeconds(1));
        client.EndSending();

        Assert.Equal("auth_timeout", Frames.ErrorCode(Assert.Single(await client.RepliesToEndAsync())));
    }

    [Fact]
    public async Task AuthTimeout_ClientThatDoesNotRead_IsAborted()
    {
        using var wire = new TestWire(access: _users);
        TestClient client = wire.Connect(unreadBytesMax: 1);
        client.Send(Frames.Stream(Enumerable.Repeat("""{"func": "PING"}""", 2_000)));
        Assert.InRange(client.UnreadBytes(), 1, 20_000);
        wire.Advance(wire.Options.AuthTimeout);
        await client.ServedAsync();
        Assert.NotNull(client.Connection.Aborted);
        Assert.Equal(1, wire.Metrics["kestrelkv.wire.connections.closed{reason=auth_timeout}"]);
    }

    [Fact]
    public void UnauthenticatedMax_ManyAtOnce_EndsADifferentConnectionForEach()
    {
        using var wire = new TestWire(options => options.UnauthenticatedMax = 5, access: _users);
        TestClient[] silent = [.. Enumerable.Range(0, 25).Select(_ => wire.Connect())];
        Assert.All(silent[..20], client => Assert.True(client.UnreadBytes() > 0));
        Assert.All(silent[20..], client => Assert.Equal(0, client.UnreadBytes()));
    }

    [Fact]
    public async Task UnauthenticatedMax_Exceeded_ClosesOneThatHasNotAuthenticated()
    {
        using var wire = new TestWire(options => options.UnauthenticatedMax = 2, access: _users);
        TestClient admitted = wire.Connect();
        admitted.Call(TestUsers.Auth("one"));
        TestClient[] silent = [wire.Connect(), wire.Connect(), wire.Connect()];
        await Wait.UntilAsync(() => wire.Connections.Unauthenticated == 2 || silent.Any(client => client.UnreadBytes() > 0), () => "no connection was closed");

        Assert.Single(silent, client => client.UnreadBytes() > 0);
        Assert.Equal(Frames.GetReply("a:1", "null"), admitted.Call(Frames.Get("a:1")));
    }

    [Fact]
    public async Task Unauthenticated_AfterAllHaveGone_IsZero()
    {
        using var wire = new TestWire(access: _users);
        TestClient[] clients = [.. Enumerable.Range(0, 5).Select(_ => wire.Connect())];
        Assert.Equal(5, wire.Connections.Unauthenticated);
        clients[0].Call(TestUsers.Auth("one"));
        clients[1].Call(TestUsers.Auth("one"));
        clients[1].Call(TestUsers.Auth("one", "wrong"));
        Assert.Equal(4, wire.Connections.Unauthenticated);
        foreach (TestClient client in clients)
        {
            client.EndSending();
            await client.ServedAsync();
        }
        Assert.Equal(0, wire.Connections.Unauthenticated);
    }

    [Fact]
    public async Task User_Removed_EndsItsConnectionsAtOnceAndNoOthers()
    {
        using var wire = new TestWire(access: _users);
        TestClient one = wire.Connect();
        one.Call(TestUsers.Auth("one"));
        one.Call(WatchA);
        TestClient two = wire.Connect();
        two.Call(TestUsers.Auth("two"));
        _users.Remove("one");

        one.EndSending();
        Assert.Equal("auth_revoked", Frames.ErrorCode(Assert.Single(await one.RepliesToEndAsync())));
        Assert.Equal(0, wire.Store.GetStats().Watches);
        Assert.Equal(Frames.GetReply("b:1", "null"), two.Call(Frames.Get("b:1")));
    }

    [Fact]
    public void Grant_Removed_EndsOnlyTheWatchesThatNeedIt()
    {
        _users.Set("one", ("a:", All), ("c:", All));
        using var wire = new TestWire(access: _users);
        TestClient client = wire.Connect();
        client.Call(TestUsers.Auth("one"));
        client.Call(WatchA);
        client.Call("""{"func": "WATCH", "params": {"prefix": "c:"}}""");
        _users.Set("one", ("c:", All));

        string ended = Assert.Single(client.Replies());
        Assert.Contains("\"watch\": 1", ended, StringComparison.Ordinal);
        Assert.Equal("forbidden", Frames.ErrorCode(ended));
        Assert.EndsWith("\"id\": \"w\"}", ended, StringComparison.Ordinal);
        Assert.Equal("forbidden", Frames.ErrorCode(client.Call(Frames.Get("a:1"))));
        Assert.Equal(1, wire.Store.GetStats().Watches);
    }

    [Fact]
    public async Task User_RemovedWhileABatchIsExecuted_ExecutesNothingMore()
    {
        var store = new SlowDiskStore();
        using var wire = new TestWire(store: store, access: _users);
        TestClient client = wire.Connect();
        client.Call(TestUsers.Auth("one"));
        client.Send(Frames.Put("a:1", "1"), """{"func": "PING"}""", Frames.Put("a:2", "2"));
        await Wait.UntilAsync(() => store.IsWaiting, () => "the first request was not executed");
        _users.Remove("one");
        store.Sync();
        client.EndSending();

        List<string> replies = await client.RepliesToEndAsync();
        Assert.Equal(2, replies.Count);
        Assert.Equal("auth_revoked", Frames.ErrorCode(replies[1]));
        Assert.Equal(1, store.GetStats().Version);
    }

    [Fact]
    public async Task Grant_RemovedWhileABatchIsExecuted_RefusesTheRest()
    {
        var store = new SlowDiskStore();
        using var wire = new TestWire(store: store, access: _users);
        TestClient client = wire.Connect();
        client.Call(TestUsers.Auth("one"));
        client.Send(Frames.Put("a:1", "1"), """{"func": "PING"}""", Frames.Put("a:2", "2"));
        await Wait.UntilAsync(() => store.IsWaiting, () => "the first request was not executed");
        _users.Set("one", ("b:", All));
        store.IsSlow = false;
        store.Sync();

        List<string> replies = await client.RepliesAsync(3);
        Assert.Equal("forbidden", Frames.ErrorCode(replies[2]));
        Assert.Equal(1, store.GetStats().Version);
    }

    [Fact]
    public async Task Grant_RemovedWhileAWatchReads_EndsItWithoutTheChanges()
    {
        var store = new HookedWatchStore();
        using var wire = new TestWire(store: store, access: _users);
        TestClient client = wire.Connect();
        client.Call(TestUsers.Auth("one"));
        client.Call(WatchA);
        TestClient writer = wire.Connect();
        writer.Call(TestUsers.Auth("one"));
        store.AfterRead = () => _users.Quietly("one", ("b:", All));
        writer.Send(Frames.Put("a:1", "1"));
        Assert.Equal("forbidden", Frames.ErrorCode(Assert.Single(await client.RepliesAsync(1))));
    }

    [Fact]
    public void Anonymous_WithRights_NeedsNoAuth()
    {
        _users.Anonymous = Identity.OfAnonymous(TestUsers.Grants(("open:", Rights.Read)), ServerRights.None);
        using var wire = new TestWire(access: _users);
        TestClient client = wire.Connect();

        Assert.Equal(Frames.GetReply("open:1", "null"), client.Call(Frames.Get("open:1")));
        Assert.Equal("auth_required", Frames.ErrorCode(client.Call(Frames.Put("open:1", "1"))));
        Assert.Equal(0, wire.Connections.Unauthenticated);
        Assert.Equal(AuthOk, client.Call(TestUsers.Auth("one")));
    }

    [Fact]
    public void Anonymous_AfterAFailedAuth_HasNoRightsEvenAfterAChange()
    {
        _users.Anonymous = Identity.OfAnonymous(TestUsers.Grants(("open:", Rights.Read)), ServerRights.None);
        using var wire = new TestWire(access: _users);
        TestClient client = wire.Connect();
        Assert.Equal("auth_failed", Frames.ErrorCode(client.Call(TestUsers.Auth("one", "wrong"))));
        _users.Set("two");
        Assert.Equal("auth_required", Frames.ErrorCode(client.Call(Frames.Get("open:1"))));
        Assert.Equal(1, wire.Connections.Unauthenticated);
    }

    /// <summary>A request that arrives with a change is judged by the new rights.</summary>
    [Fact]
    public void Grant_AddedBeforeARequest_PermitsIt()
    {
        using var wire = new TestWire(access: _users);
        TestClient client = wire.Connect();
        client.Call(TestUsers.Auth("two"));
        _users.Quietly("two", ("a:", All));
        Assert.Equal(Frames.GetReply("a:1", "null"), client.Call(Frames.Get("a:1")));
        Assert.Empty(_users.Denials);
    }

    [Fact]
    public void Auth_PlainTextFromAnotherMachine_IsRefusedUnlessAllowed()
    {
        using var wire = new TestWire(access: _users);
        TestClient client = AdmissionTests.Connect(wire, "192.0.2.8", "192.0.2.7");
        Assert.Equal("tls_required", Frames.ErrorCode(client.Call(TestUsers.Auth("one"))));

        _users.AllowsPlaintext = true;
        Assert.Equal(AuthOk, AdmissionTests.Connect(wire, "192.0.2.8", "192.0.2.7").Call(TestUsers.Auth("one")));
    }
}
