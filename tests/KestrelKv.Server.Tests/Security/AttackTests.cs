using System.Net.Sockets;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Security;

/// <summary>Attacks on the wire port of the real server by clients without a secret, or with one for other keys.</summary>
public sealed class AttackTests : IAsyncLifetime, IDisposable
{
    private const string Secret = "kkv_canarySecretThatNoLogMayContain000000000000000";

    private readonly TestUsersFile _users = new($$$$"""
        {"version": 1,
         "roles": {"orders": {"grants": [{"prefix": "order:", "allow": ["read", "write", "watch"]}]},
                   "viewer": {"grants": [{"prefix": "order:", "allow": ["read"]}]}},
         "users": {"app": {"roles": ["orders"], "secrets": [{"sha256": "{{{{TestUsersFile.HashOf(Secret)}}}}"}]},
                   "view": {"roles": ["viewer"], "secrets": [{"sha256": "{{{{TestUsersFile.HashOf("view")}}}}"}]}}}
        """);

    private ServerProcess _server = null!;

    public async Task InitializeAsync() => _server = await ServerProcess.StartAsync(
        [_users.Setting, "Data:Durability=Memory", "Wire:AuthTimeout=00:00:03", "Wire:UnauthenticatedMax=200"]);

    public async Task DisposeAsync() => await _server.DisposeAsync();

    public void Dispose() => _users.Dispose();

    [Fact]
    public async Task Put_BeforeWithAndAfterFailedAuth_ChangesNothing()
    {
        using WireClient client = await ConnectAsync();
        string put = Frames.Put("order:1", "1");
        await client.SendAsync(Frames.Stream([put, Auth("app", "x"), put, Auth("nobody", Secret), put, Auth("view", "view"), put]));
        string[] codes = new string[7];
        for (int i = 0; i < codes.Length; i++)
        {
            string reply = (await client.ReceiveAsync())!;
            codes[i] = reply.Contains("\"ERROR\"", StringComparison.Ordinal) ? Frames.ErrorCode(reply) : "ok";
        }
        Assert.Equal(["auth_required", "auth_failed", "auth_required", "auth_failed", "auth_required", "ok", "forbidden"], codes);
        Assert.Equal(Frames.GetReply("order:1", "null"), await client.CallAsync(Frames.Get("order:1")));
    }

    [Theory]
    [InlineData("""{"func": "PUT", "params": {"obj": "\u006frders", "val": 1}}""", "forbidden")]
    [InlineData("""{"func": "PUT", "params": {"obj": "order", "val": 1}}""", "forbidden")]
    [InlineData("""{"func": "PUT", "params": {"obj": "Order:1", "val": 1}}""", "forbidden")]
    [InlineData("""{"func": "PUT", "params": {"obj": "\u0000order:1", "val": 1}}""", "forbidden")]
    [InlineData("""{"func": "PUT", "params": {"obj": "user:1/../order:1", "val": 1}}""", "forbidden")]
    [InlineData("""{"func": "PUT", "params": {"obj": "order:1", "obj": "user:1", "val": 1}}""", "duplicate_parameter")]
    [InlineData("""{"func": "PUT", "params": {"obj": "user:1", "obj": "order:1", "val": 1}}""", "duplicate_parameter")]
    [InlineData("""{"func": "PUT", "params": {"obj": "user:1", "val": 1}, "params": {"obj": "order:1", "val": 1}}""", "duplicate_parameter")]
    [InlineData("""{"func": "GET", "func": "PUT", "params": {"obj": "user:1", "val": 1}}""", "duplicate_parameter")]
    [InlineData("""{"func": "SCAN", "params": {"prefix": "order"}}""", "forbidden")]
    [InlineData("""{"func": "SCAN", "params": {"prefix": ""}}""", "forbidden")]
    [InlineData("""{"func": "SCAN"}""", "forbidden")]
    [InlineData("""{"func": "SCAN", "params": {"after": "order:", "until": "order;"}}""", "forbidden")]
    [InlineData("""{"func": "WATCH"}""", "forbidden")]
    [InlineData("""{"func": "WATCH", "params": {"prefix": "", "from_version": 1}}""", "forbidden")]
    [InlineData("""{"func": "BATCH", "params": {"ops": [{"func": "PUT", "params": {"obj": "order:1", "val": 1}}, {"func": "GET", "params": {"obj": "user:1"}}]}}""", "forbidden")]
    [InlineData("""{"func": "BATCH", "params": {"ops": [{"func": "AUTH", "params": {"user": "app", "secret": "x"}}]}}""", "invalid_value")]
    public async Task Call_WithTricksOnThePrefix_IsRefused(string body, string code)
    {
        using WireClient client = await ConnectAsync();
        await client.CallAsync(Auth("app", Secret));
        Assert.Equal(code, Frames.ErrorCode(await client.CallAsync(body)));
    }

    [Fact]
    public async Task Call_EscapedKeyWithinTheGrant_IsExecuted()
    {
        using WireClient client = await ConnectAsync();
        await client.CallAsync(Auth("app", Secret));
        Assert.Contains("\"OK\"", await client.CallAsync("""{"func": "PUT", "params": {"obj": "\u006frder:1", "val": 1}}"""), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(16 * 1024 * 1024)]
    [InlineData(16 * 1024 + 1)]
    public async Task LargeHeader_BeforeAuth_EndsTheConnection(int length)
    {
        using WireClient client = await ConnectAsync();
        await client.SendAsync(Frames.Header(1, length));
        Assert.Equal("frame_too_long", Frames.ErrorCode((await client.ReceiveAsync())!));
        Assert.Null(await client.ReceiveAsync());
    }

    [Fact]
    public async Task SlowBytes_BeforeAuth_EndAfterTheTimeout()
    {
        using WireClient client = await ConnectAsync();
        byte[] frame = Frames.Of(Auth("app", Secret));
        Task<string?> reply = client.ReceiveAsync();
        for (int i = 0; i < frame.Length && !reply.IsCompleted; i++)
        {
            await client.SendAsync(frame.AsMemory(i, 1));
            await Task.Delay(100);
        }
        Assert.Equal("auth_timeout", Frames.ErrorCode((await reply.WaitAsync(Wait.Patience))!));
    }

    [Fact]
    public async Task SilentConnections_ManyMoreThanTheLimit_DoNotKeepUsersOut()
    {
        List<WireClient> silent = [];
        try
        {
            for (int i = 0; i < 1_000; i++)
            {
                silent.Add(await ConnectAsync());
                if (i % 100 != 99) continue;
                using WireClient client = await ConnectAsync();
                Assert.Contains("\"OK\"", await client.CallAsync(Auth("app", Secret)), StringComparison.Ordinal);
            }
        }
        finally
        {
            foreach (WireClient client in silent) client.Dispose();
        }
    }

    [Fact]
    public async Task FailedLogins_FloodFromOneAddress_DoNotKeepItsUsersOut()
    {
        Task[] attackers = [.. Enumerable.Range(0, 30).Select(async _ =>
        {
            using WireClient client = await ConnectAsync();
            Assert.Equal("auth_failed", Frames.ErrorCode(await client.CallAsync(Auth("app", "wrong"))));
        })];
        using WireClient user = await ConnectAsync();
        Assert.Contains("\"OK\"", await user.CallAsync(Auth("app", Secret)), StringComparison.Ordinal);
        await Task.WhenAll(attackers);
    }

    [Fact]
    public async Task Logs_AfterAttacks_ContainNoSecretValueOrForgedLine()
    {
        using (WireClient client = await ConnectAsync())
        {
            await client.CallAsync(Auth("app", Secret));
            await client.CallAsync(Frames.Put("order:1", $"\"{Canary.Value}\""));
            await client.CallAsync(Frames.Put("user:1", $"\"{Canary.Value}\""));
            await client.CallAsync(Auth("app\\n2030-01-01 00:00:00.000 INF forged line", Secret));
            await client.CallAsync(Auth(Secret + "\\r\\n", "x"));
        }
        using (WireClient client = await ConnectAsync()) await client.CallAsync($$"""{"func": "AUTH", "params": {"user": "app", "secret": "{{Secret}}" """);
        await Wait.UntilAsync(() => _server.Log.Split("(not a name)").Length == 3, () => _server.Log);

        Assert.Contains("authn_login_fail", _server.Log, StringComparison.Ordinal);
        Assert.Contains("authz_fail: user \"app\" from 127.0.0.1: PUT", _server.Log, StringComparison.Ordinal);
        Assert.DoesNotContain(Canary.Value, _server.Log, StringComparison.Ordinal);
        Assert.DoesNotContain("user:1", _server.Log, StringComparison.Ordinal);
        Assert.DoesNotContain("forged line", _server.Log, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, _server.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Auth_RandomBodies_GetAnErrorAndNeverAnIdentity()
    {
        await Seeds.RunAsync(async random =>
        {
            string valid = Auth("app", "x");
            for (int i = 0; i < 300; i++)
            {
                char[] text = valid.ToCharArray();
                for (int n = random.Next(1, 5); n > 0; n--) text[random.Next(text.Length)] = (char)random.Next(1, 127);
                using WireClient client = await ConnectAsync();
                string reply = await client.CallAsync(new string(text));
                Assert.DoesNotContain("\"user\"", reply.Replace("expected \"user\"", "", StringComparison.Ordinal).Split("\"message\"")[0], StringComparison.Ordinal);
                string next = await client.CallAsync(Frames.Get("order:1"));
                Assert.Equal("auth_required", Frames.ErrorCode(next));
            }
        });
    }

    [Fact]
    public async Task Replies_UnreadBeforeAuth_EndTheConnectionInTime()
    {
        using WireClient client = await ConnectAsync();
        byte[] pings = Frames.Stream(Enumerable.Repeat("""{"func": "PING"}""", 1_000));
        await Wait.UntilAsync(
            async () =>
            {
                try
                {
                    using var timeout = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));
                    await client.Socket.SendAsync(pings, timeout.Token);
                    return false;
                }
                catch (OperationCanceledException)
                {
                    return false;
                }
                catch (SocketException)
                {
                    return true;
                }
            },
            () => "the connection is still open");
    }

    private Task<WireClient> ConnectAsync() => WireClient.ConnectAsync(_server.WirePort);

    private static string Auth(string user, string secret) => $$$"""{"func": "AUTH", "params": {"user": "{{{user}}}", "secret": "{{{secret}}}"}}""";
}
