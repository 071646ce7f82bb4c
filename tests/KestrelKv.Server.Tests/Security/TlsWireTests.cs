using System.Net.Security;
using System.Security.Authentication;
using KestrelKv.Server.Tests.Documents;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Security;

/// <summary>The wire over TLS.</summary>
public sealed class TlsWireTests : IDisposable
{
    private const string Pong = """{"status": "OK", "response": {"func": "PING", "response": {"response": "pong"}}}""";
    private const string Ping = """{"func": "PING", "params": {}}""";

    private readonly TestAuthority _authority = new();

    public void Dispose() => _authority.Dispose();

    [Fact]
    public async Task OldPythonClient_OverSsl_IsServed()
    {
        await using ServerProcess server = await StartAsync();
        string script = Repository.PathTo("tests", "KestrelKv.Server.Tests", "Security", "tls_client.py");
        Assert.Equal("200 calls", (await Programs.RunAsync("python3", ["-B", script, $"{server.TlsPort}", _authority.RootFile])).Trim());
        await StopAsync(server);
    }

    [Fact]
    public async Task PythonClient_OfTheDocument_IsServed()
    {
        await using ServerProcess server = await StartAsync();
        string[] blocks = Markdown.Blocks(Markdown.Read("src", "KestrelKv.Protocol", "PROTOCOL.md"), "python");
        string client = Assert.Single(blocks, block => block.Contains("class TlsKv", StringComparison.Ordinal));
        string call = $"print(TlsKv(port={server.TlsPort}, root=\"{_authority.RootFile}\").call(\"PING\"))";
        Assert.Equal("{'response': 'pong'}", (await Programs.RunAsync("python3", ["-c", $"{blocks[0]}\n{client}\n{call}"])).Trim());
    }

    [Fact]
    public async Task PipelinedRequests_LargeValuesAndEnd_AreAnsweredInOrder()
    {
        await using ServerProcess server = await StartAsync();
        using WireClient client = await WireClient.ConnectAsync(server.TlsPort, _authority.Client());
        string large = $"\"{new string('x', 10 * 1024 * 1024)}\"";
        Assert.Equal(Frames.PutReply("large"), await client.CallAsync(Frames.Put("large", large)));
        Assert.Equal(Frames.GetReply("large", large), await client.CallAsync(Frames.Get("large")));

        Task sending = client.SendAsync(Frames.Stream(Enumerable.Range(0, 1_000).Select(i => Frames.Put($"k{i}", $"{i}"))));
        for (int i = 0; i < 1_000; i++) Assert.Equal(Frames.PutReply($"k{i}"), await client.ReceiveAsync());
        await sending;

        // The end of TLS follows the requests. All are answered, and the server then ends its side.
        await client.SendAsync(Frames.Stream([Frames.Get("k1"), Frames.Get("k2")]));
        await client.EndSendingAsync();
        Assert.Equal([Frames.GetReply("k1", "1"), Frames.GetReply("k2", "2")], Frames.Bodies(await client.ReceiveToEndAsync()));
        await StopAsync(server);
    }

    [Fact]
    public async Task Requests_SentInManySmallRecords_AreAnswered()
    {
        await using ServerProcess server = await StartAsync();
        using WireClient client = await WireClient.ConnectAsync(server.TlsPort, _authority.Client());
        foreach (byte one in Frames.Stream([Ping, Ping, Ping])) await client.SendAsync(new[] { one });
        for (int i = 0; i < 3; i++) Assert.Equal(Pong, await client.ReceiveAsync());

        // After an empty record, a request that fills one record and a part of the next.
        for (int bytes = 16_300; bytes < 16_500; bytes += 7)
        {
            await client.Tls!.WriteAsync(ReadOnlyMemory<byte>.Empty);
            await client.Tls!.FlushAsync();
            Assert.Equal(Pong, await client.CallAsync(Ping));
            Assert.Equal(Frames.PutReply("k"), await client.CallAsync(Frames.Put("k", $"\"{new string('x', bytes)}\"")));
        }
    }

    [Fact]
    public async Task Watch_OverTls_ReceivesChanges()
    {
        await using ServerProcess server = await StartAsync();
        using WireClient watcher = await WireClient.ConnectAsync(server.TlsPort, _authority.Client());
        using WireClient writer = await WireClient.ConnectAsync(server.TlsPort, _authority.Client());
        await watcher.CallAsync("""{"func": "WATCH", "params": {"prefix": "w"}}""");
        for (int i = 0; i < 100; i++)
        {
            await writer.CallAsync(Frames.Put($"w{i}", "1"));
            string changes;
            do changes = (await watcher.ReceiveAsync())!;
            while (!changes.Contains($"\"w{i}\"", StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task Alpn_OtherProtocol_IsRefused()
    {
        await using ServerProcess server = await StartAsync();
        SslClientAuthenticationOptions options = _authority.Client();
        options.ApplicationProtocols = [SslApplicationProtocol.Http2];
        await Assert.ThrowsAsync<AuthenticationException>(() => WireClient.ConnectAsync(server.TlsPort, options));

        options.ApplicationProtocols = [SslApplicationProtocol.Http2, new("kestrelkv/1")];
        using WireClient client = await WireClient.ConnectAsync(server.TlsPort, options);
        Assert.Equal("kestrelkv/1", client.Tls!.NegotiatedApplicationProtocol.ToString());
        Assert.Equal(Pong, await client.CallAsync(Ping));
    }

    [Theory]
    [InlineData("Tls13", false)]
    [InlineData("Tls12", true)]
    public async Task Version_Tls12_IsRefusedUnlessPermitted(string minimum, bool isAccepted)
    {
        await using ServerProcess server = await StartAsync($"Wire:Tls:MinimumVersion={minimum}");
        SslClientAuthenticationOptions options = _authority.Client();
#pragma warning disable CA5398 // The test is of this version.
        options.EnabledSslProtocols = SslProtocols.Tls12;
#pragma warning restore CA5398
        if (isAccepted)
        {
            using WireClient client = await WireClient.ConnectAsync(server.TlsPort, options);
            Assert.Equal(Pong, await client.CallAsync(Ping));
        }
        else
        {
            await Assert.ThrowsAsync<AuthenticationException>(() => WireClient.ConnectAsync(server.TlsPort, options));
        }
        using WireClient newer = await WireClient.ConnectAsync(server.TlsPort, _authority.Client());
        Assert.Equal(SslProtocols.Tls13, newer.Tls!.SslProtocol);
    }

    [Fact]
    public async Task PlainText_OnTheTlsPort_IsRefused()
    {
        await using ServerProcess server = await StartAsync();
        using WireClient plain = await WireClient.ConnectAsync(server.TlsPort);
        await plain.SendAsync(Frames.Of(Frames.Put("plain", "1")));
        byte[] received = await plain.ReceiveToEndAsync();
        Assert.DoesNotContain("OK", System.Text.Encoding.Latin1.GetString(received), StringComparison.Ordinal);

        using WireClient client = await WireClient.ConnectAsync(server.TlsPort, _authority.Client());
        Assert.Equal(Frames.GetReply("plain", "null"), await client.CallAsync(Frames.Get("plain")));
    }

    [Fact]
    public async Task Tls_OnThePlainPort_IsRefused()
    {
        await using ServerProcess server = await StartAsync("Wire:Plaintext=true");
        Assert.NotEqual(server.WirePort, server.TlsPort);
        await Assert.ThrowsAnyAsync<Exception>(() => WireClient.ConnectAsync(server.WirePort, _authority.Client()));
        using WireClient client = await WireClient.ConnectAsync(server.WirePort);
        Assert.Equal(Pong, await client.CallAsync(Ping));
    }

    [Fact]
    public async Task Handshake_Stalled_IsClosedAndDelaysNobody()
    {
        await using ServerProcess server = await StartAsync("Wire:Tls:HandshakeTimeout=00:00:02");
        WireClient[] stalled = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => WireClient.ConnectAsync(server.TlsPort)));

        // The beginning of a record that never ends, or a record that is no handshake.
        for (int i = 0; i < stalled.Length; i++)
            await stalled[i].SendAsync(i % 2 == 0 ? new byte[] { 0x16, 3, 1, 2, 0, 1 } : new byte[] { 0x16, 3, 1, 0, 2, 1, 2 });
        using WireClient other = await WireClient.ConnectAsync(server.TlsPort, _authority.Client());
        Assert.Equal(Pong, await other.CallAsync(Ping));
        foreach (WireClient client in stalled)
        {
            // At most an alert.
            Assert.InRange((await client.ReceiveToEndAsync()).Length, 0, 7);
            client.Dispose();
        }
    }

    [Fact]
    public async Task Handshakes_ManySilent_DoNotKeepOthersOut()
    {
        await using ServerProcess server = await StartAsync("Wire:UnauthenticatedMax=20");
        List<WireClient> silent = [];
        for (int i = 0; i < 100; i++)
        {
            silent.Add(await WireClient.ConnectAsync(server.TlsPort));
            if (i % 10 != 9) continue;
            using WireClient client = await WireClient.ConnectAsync(server.TlsPort, _authority.Client());
            Assert.Equal(Pong, await client.CallAsync(Ping));
        }
        foreach (WireClient client in silent) client.Dispose();
    }

    [Fact]
    public async Task Connections_BeyondTheMaximum_AreRefusedBeforeTheHandshake()
    {
        await using ServerProcess server = await StartAsync("Wire:ConnectionsMax=2");
        using WireClient first = await WireClient.ConnectAsync(server.TlsPort, _authority.Client());
        using WireClient second = await WireClient.ConnectAsync(server.TlsPort, _authority.Client());
        Assert.Equal(Pong, await first.CallAsync(Ping));
        Assert.Equal(Pong, await second.CallAsync(Ping));
        await Assert.ThrowsAnyAsync<IOException>(() => WireClient.ConnectAsync(server.TlsPort, _authority.Client()));
    }

    [Fact]
    public async Task Client_ThatDoesNotRead_IsDisconnected()
    {
        await using ServerProcess server = await StartAsync("Wire:WriteTimeout=00:00:01");
        using WireClient client = await WireClient.ConnectAsync(server.TlsPort, _authority.Client());
        await client.CallAsync(Frames.Put("v", $"\"{new string('x', 1024 * 1024)}\""));
        await client.SendAsync(Frames.Stream(Enumerable.Repeat(Frames.Get("v"), 64)));
        await Wait.UntilAsync(
            () => server.Log.Contains("the client did not read its replies", StringComparison.Ordinal), () => server.Log);
    }

    [Fact]
    public async Task Session_OfALaterConnection_IsResumed()
    {
        await using ServerProcess server = await StartAsync();
        string script = Repository.PathTo("tests", "KestrelKv.Server.Tests", "Security", "tls_resumption.py");
        string output = await Programs.RunAsync("python3", ["-B", script, $"{server.TlsPort}", _authority.RootFile]);
        Assert.Equal("resumed: False, True", output.Trim());
    }

    [Fact]
    public async Task Objects_OfPlainConnections_AreNotReusedForTls()
    {
        await using ServerProcess server = await StartAsync("Wire:Plaintext=true");
        for (int i = 0; i < 100; i++)
        {
            using WireClient plain = await WireClient.ConnectAsync(server.WirePort);
            Assert.Equal(Frames.PutReply("a"), await plain.CallAsync(Frames.Put("a", $"{i}")));
            using WireClient tls = await WireClient.ConnectAsync(server.TlsPort, _authority.Client());
            Assert.Equal(Frames.GetReply("a", $"{i}"), await tls.CallAsync(Frames.Get("a")));
        }
        await StopAsync(server);
    }

    [Fact]
    public async Task Scanners_FindNoWeakProtocolOrCipher()
    {
        await using ServerProcess server = await StartAsync($"Admin:Tls:Certificate={_authority.PathTo("server.pem")}");
        await Task.WhenAll(ScanAsync(server.TlsPort), ScanAsync(server.Admin.Port));
    }

    private static async Task ScanAsync(int port)
    {
        string scan = await Programs.RunAsync("sslscan", ["--no-colour", "--no-check-certificate", $"127.0.0.1:{port}"]);
        foreach (string old in (string[])["SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2"]) Assert.Matches($@"{old}\s+disabled", scan);
        Assert.Matches(@"TLSv1\.3\s+enabled", scan);
        Assert.DoesNotContain(
            "vulnerable to heartbleed", scan.Replace("not vulnerable to heartbleed", "", StringComparison.Ordinal), StringComparison.Ordinal);

        // The search for known vulnerabilities takes a minute.
        string[] vulnerable = SoakTime.Count(0, 1) > 0 ? ["--vulnerable"] : [];
        string test = await Programs.RunAsync("testssl",
            ["--quiet", "--color", "0", "--warnings", "off", "--severity", "LOW", "--protocols", "--std", .. vulnerable, $"127.0.0.1:{port}"],
            timeout: TimeSpan.FromMinutes(10));
        Assert.DoesNotContain("VULNERABLE (NOT ok)", test, StringComparison.Ordinal);
        Assert.DoesNotContain("offered (NOT ok)", test, StringComparison.Ordinal);
        Assert.Contains("TLS 1.3", test, StringComparison.Ordinal);
    }

    /// <summary>Starts a server that serves the wire over TLS only, unless the settings open the other port too.</summary>
    private Task<ServerProcess> StartAsync(params string[] settings) => ServerProcess.StartAsync(
        ["Wire:Plaintext=false", $"Wire:Tls:Certificate={_authority.IssueServer()}", .. settings]);

    private static async Task StopAsync(ServerProcess server)
    {
        Assert.Equal(0, await server.StopAsync());
        server.AssertNoComplaint();
    }
}
