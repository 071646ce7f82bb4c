using KestrelKv.Protocol;
using KestrelKv.Testing;
using KestrelKv.Wire.Security;

namespace KestrelKv.Wire.Tests.Security;

/// <summary>Each function is executed only with the rights that this table names. A function without a row fails.</summary>
public sealed class AccessCheckTests
{
    private const Rights R = Rights.Read;
    private const Rights W = Rights.Write;
    private const Rights All = Rights.Read | Rights.Write | Rights.Watch;

    /// <summary>Requests with the rights that they need to the keys with the prefix <c>a:</c>.</summary>
    private static readonly (Function Function, Rights Needed, string Body)[] Table =
    [
        (Function.Get, R, """{"func": "GET", "params": {"obj": "a:1"}}"""),
        (Function.Get, R, """{"func":"GET","params":{"obj":"a:1"}}"""),
        (Function.Get, R, """{"params": {"obj": "\u0061:1"}, "func": "GET"}"""),
        (Function.Get, R, """{"func": "GET", "params": {"obj": "a:1", "path": "/x"}}"""),
        (Function.Get, R, """{"func": "GET", "params": {"obj": "a:1", "meta": true}}"""),
        (Function.Get, R | W, """{"func": "GET", "params": {"obj": "a:1", "touch": 60}}"""),
        (Function.Put, W, """{"func": "PUT", "params": {"obj": "a:1", "val": 1}}"""),
        (Function.Put, W, """{"func":"PUT","params":{"obj":"a:1","val":1}}"""),
        (Function.Put, W, """{"func": "PUT", "params": {"val": 1, "obj": "a:1"}}"""),
        (Function.Put, W, """{"func": "PUT", "params": {"obj": "a:1", "val": 1, "if_version": 0, "meta": true, "ttl": 60}}"""),
        (Function.Put, W, """{"func": "PUT", "params": {"obj": "a:1", "val": 1, "request_id": "i"}}"""),
        (Function.Put, R | W, """{"func": "PUT", "params": {"obj": "a:1", "val": 1, "return_old": true}}"""),
        (Function.Put, R | W, """{"func": "PUT", "params": {"obj": "a:1", "val": 1, "path": ""}}"""),
        (Function.Delete, W, """{"func": "DELETE", "params": {"obj": "a:1"}}"""),
        (Function.Delete, R | W, """{"func": "DELETE", "params": {"obj": "a:1", "return_old": true}}"""),
        (Function.Patch, R | W, """{"func": "PATCH", "params": {"obj": "a:1", "merge": 1}}"""),
        (Function.Patch, R | W, """{"func": "PATCH", "params": {"obj": "a:1", "patch": [{"op": "test", "path": "", "value": 1}]}}"""),
        (Function.Incr, R | W, """{"func": "INCR", "params": {"obj": "a:1"}}"""),
        (Function.Incr, R | W, """{"func": "INCR", "params": {"obj": "a:1", "path": "/n"}}"""),
        (Function.Expire, W, """{"func": "EXPIRE", "params": {"obj": "a:1", "ttl": 60}}"""),
        (Function.Mget, R, """{"func": "MGET", "params": {"objs": ["a:1", "a:2"]}}"""),
        (Function.Mget, R | W, """{"func": "MGET", "params": {"objs": ["a:1", "a:2"], "touch": 60}}"""),
        (Function.Batch, R | W, """{"func": "BATCH", "params": {"ops": [{"func": "GET", "params": {"obj": "a:1", "touch": 60}}]}}"""),
        (Function.Batch, W, """{"func": "BATCH", "params": {"ops": [{"func": "PUT", "params": {"obj": "a:1", "val": 1}}]}}"""),
        (Function.Batch, R | W, """
            {"func": "BATCH", "params": {"ops": [{"func": "PUT", "params": {"obj": "a:1", "val": 1}}, {"func": "GET", "params": {"obj": "a:1"}}]}}
            """),
        (Function.Batch, R | W, """
            {"func": "BATCH", "params": {"ops": [{"func": "DELETE", "params": {"obj": "a:1", "return_old": true}}], "request_id": "b"}}
            """),
        (Function.Scan, R, """{"func": "SCAN", "params": {"prefix": "a:"}}"""),
        (Function.Scan, R, """{"func": "SCAN", "params": {"prefix": "a:", "count_only": true}}"""),
        (Function.Scan, R, """{"func": "SCAN", "params": {"prefix": "a:1", "values": true, "after": "a:0", "until": "b"}}"""),
        (Function.Scan, R, """{"func": "SCAN", "params": {"prefix": "a:", "delimiter": "/"}}"""),
        (Function.Watch, Rights.Watch, """{"func": "WATCH", "params": {"prefix": "a:"}}"""),
        (Function.Watch, Rights.Watch | R, """{"func": "WATCH", "params": {"prefix": "a:", "values": true, "from_version": 1}}"""),
        (Function.Unwatch, Rights.None, """{"func": "UNWATCH", "params": {"watch": 9}}"""),
        (Function.Ping, Rights.None, """{"func": "PING"}"""),
        (Function.Info, Rights.None, """{"func": "INFO"}"""),
        (Function.Help, Rights.None, """{"func": "HELP"}"""),
        (Function.Auth, Rights.None, TestUsers.Auth("user")),
    ];

    /// <summary>The functions that clients may call before they authenticate.</summary>
    private static readonly Function[] Open = [Function.Ping, Function.Auth];

    public static TheoryData<int> Rows() => [.. Enumerable.Range(0, Table.Length)];

    [Fact]
    public void Table_Read_HasEveryFunction() =>
        Assert.Equal(Functions.All.Select(info => info.Function).Order(), Table.Select(row => row.Function).Distinct().Order());

    [Theory]
    [MemberData(nameof(Rows))]
    public void Call_WithEachSetOfRights_SucceedsOnlyWithThoseItNeeds(int index)
    {
        (_, Rights needed, string body) = Table[index];
        for (Rights rights = Rights.None; rights <= All; rights++)
            AssertCall(body, [("a:", rights)], (rights & needed) == needed);
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void Call_RightsInSeveralGrants_AreAddedUp(int index)
    {
        (_, Rights needed, string body) = Table[index];
        AssertCall(body, [("a:", R), ("", Rights.Watch), ("a", W)], isAllowed: true);
        AssertCall(body, [("a:", All & ~needed), ("a:x", All)], needed == Rights.None);
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void Call_RightsToOtherKeys_IsForbidden(int index)
    {
        (_, Rights needed, string body) = Table[index];
        AssertCall(body, [("b:", All), ("a:12", All), ("A:", All), ("aa", All)], needed == Rights.None);
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void Call_BeforeAuthentication_NeedsAuthentication(int index)
    {
        (Function function, _, string body) = Table[index];
        var users = new TestUsers();
        users.Set("user", ("", All));
        using var wire = new TestWire(access: users);
        string reply = wire.Connect().Call(body);

        if (Open.Contains(function)) Assert.StartsWith("{\"status\": \"OK\"", reply, StringComparison.Ordinal);
        else Assert.Equal("auth_required", Frames.ErrorCode(reply));
        Assert.Equal(0, wire.Store.GetStats().Version);
    }

    [Theory]
    [InlineData("""{"func": "SCAN", "params": {"prefix": "a"}}""")]
    [InlineData("""{"func": "SCAN", "params": {}}""")]
    [InlineData("""{"func": "SCAN", "params": {"after": "a:", "until": "a:9"}}""")]
    [InlineData("""{"func": "WATCH", "params": {"prefix": ""}}""")]
    [InlineData("""{"func": "WATCH"}""")]
    [InlineData("""{"func": "MGET", "params": {"objs": ["a:1", "b:1"]}}""")]
    [InlineData("""{"func": "BATCH", "params": {"ops": [{"func": "GET", "params": {"obj": "a:1"}}, {"func": "PUT", "params": {"obj": "b", "val": 1}}]}}""")]
    [InlineData("""{"func": "GET", "params": {"obj": "a"}}""")]
    [InlineData("""{"func": "GET", "params": {"obj": "A:1"}}""")]
    public void Call_BeyondTheGrant_IsForbidden(string body) => AssertCall(body, [("a:", All)], isAllowed: false);

    [Fact]
    public void Batch_OneForbiddenOperation_NamesItAndChangesNothing()
    {
        var users = new TestUsers();
        users.Set("user", ("a:", All));
        using var wire = new TestWire(access: users);
        TestClient client = wire.Connect();
        client.Call(TestUsers.Auth("user"));

        string reply = client.Call(
            """{"func": "BATCH", "params": {"ops": [{"func": "PUT", "params": {"obj": "a:1", "val": 1}}, {"func": "PUT", "params": {"obj": "b:1", "val": 1}}]}}""");

        Assert.Equal("forbidden", Frames.ErrorCode(reply));
        Assert.Contains("\"index\": 1", reply, StringComparison.Ordinal);
        Assert.Equal(0, wire.Store.GetStats().Version);
        Assert.Equal(("user", Function.Batch), Assert.Single(users.Denials));
    }

    [Theory]
    [InlineData("""{"func": "PUT", "params": {"obj": "b:1", "val": 1, "if_exists": false}}""")]
    [InlineData("""{"func": "PUT", "params": {"obj": "b:1", "val": 1, "if_version": 1}}""")]
    [InlineData("""{"func": "DELETE", "params": {"obj": "b:1", "if_version": 1}}""")]
    [InlineData("""{"func": "EXPIRE", "params": {"obj": "b:1", "ttl": null}}""")]
    [InlineData("""{"func": "GET", "params": {"obj": "b:1", "meta": true}}""")]
    [InlineData("""{"func": "INCR", "params": {"obj": "b:1", "request_id": "x"}}""")]
    public void ForbiddenCall_KeyExistsOrNot_HasTheSameReply(string body)
    {
        var users = new TestUsers();
        users.Set("user", ("a:", All));
        users.Set("owner", ("b:", All));
        using var wire = new TestWire(access: users);
        TestClient client = wire.Connect();
        client.Call(TestUsers.Auth("user"));
        string before = client.Call(body);

        TestClient owner = wire.Connect();
        owner.Call(TestUsers.Auth("owner"));
        owner.Call(Frames.Put("b:1", "1"));

        Assert.Equal(before, client.Call(body));
        Assert.Equal("forbidden", Frames.ErrorCode(before));
    }

    [Fact]
    public void RequestId_OfAnotherUser_IsIndependent()
    {
        var users = new TestUsers();
        users.Set("one", ("", All));
        users.Set("two", ("", All));
        using var wire = new TestWire(access: users);
        const string Incr = """{"func": "INCR", "params": {"obj": "n", "request_id": "id"}}""";
        string[] values = [.. ((string[])["one", "two", "one"]).Select(user =>
        {
            TestClient client = wire.Connect();
            client.Call(TestUsers.Auth(user));
            return client.Call(Incr);
        })];

        Assert.Contains("\"val\": 1,", values[0], StringComparison.Ordinal);
        Assert.Contains("\"val\": 2,", values[1], StringComparison.Ordinal);
        Assert.Equal(values[0], values[2]);
    }

    /// <summary>The fast parser leaves the request id in the body, where it has no scope yet.</summary>
    [Fact]
    public void RequestId_OfAnotherUserInAFastRequest_IsIndependentAndKeepsItsSequence()
    {
        var users = new TestUsers();
        users.Set("one", ("", All));
        users.Set("two", ("", All));
        using var wire = new TestWire(access: users);
        Assert.Equal(Frames.PutReply("k"), Put("one", 1, sequence: 2));
        Assert.Equal(Frames.PutReply("k"), Put("two", 2, sequence: 1));
        Assert.Equal("request_id_reused", Frames.ErrorCode(Put("one", 2, sequence: 2)));
        Assert.Equal("request_id_reused", Frames.ErrorCode(Put("one", 1, sequence: 1)));
        Assert.Equal(Frames.PutReply("k"), Put("one", 1, sequence: 2));

        string Put(string user, int value, int sequence)
        {
            TestClient client = wire.Connect();
            client.Call(TestUsers.Auth(user));
            return client.Call(
                $$$"""{"func": "PUT", "params": {"obj": "k", "val": {{{value}}}, "request_id": "id", "request_seq": {{{sequence}}}}}""");
        }
    }

    [Theory]
    [InlineData(ServerRights.None, false)]
    [InlineData(ServerRights.Metrics, false)]
    [InlineData(ServerRights.Admin, true)]
    public void Info_WithoutAdmin_HasOnlyNameAndVersion(ServerRights rights, bool isWhole)
    {
        var users = new TestUsers();
        users.Set("user", rights);
        using var wire = new TestWire(access: users);
        TestClient client = wire.Connect();
        client.Call(TestUsers.Auth("user"));
        string reply = client.Call("""{"func": "INFO"}""");

        Assert.Contains("\"server_version\"", reply, StringComparison.Ordinal);
        Assert.Equal(isWhole, reply.Contains("\"keys\"", StringComparison.Ordinal));
    }

    private static void AssertCall(string body, (string Prefix, Rights Rights)[] grants, bool isAllowed)
    {
        var users = new TestUsers();
        users.Set("user", grants);
        using var wire = new TestWire(access: users);
        TestClient client = wire.Connect();
        client.Call(TestUsers.Auth("user"));
        string reply = client.Call(body);

        string? code = reply.StartsWith("{\"status\": \"ERROR\"", StringComparison.Ordinal) ? Frames.ErrorCode(reply) : null;
        if (isAllowed) Assert.NotEqual("forbidden", code);
        else Assert.Equal("forbidden", code);
        if (!isAllowed) Assert.Equal(0, wire.Store.GetStats().Version);
    }
}
