using System.Globalization;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Security;

/// <summary>TLS on both ports of the real server, with Python's ssl module and curl as clients.</summary>
public sealed class TlsTests : IDisposable
{
    private const string Python = """
        import json, socket, ssl, struct, sys
        port, ca, client, version, alpn = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5]
        context = ssl.create_default_context(cafile=ca)
        context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version)
        if client: context.load_cert_chain(client)
        if alpn: context.set_alpn_protocols([alpn])
        def frame(request):
            body = json.dumps(request).encode()
            return struct.pack("<ii", 1, len(body)) + body
        def receive(stream):
            header = stream.read(8)
            if len(header) < 8: raise ConnectionError
            return json.loads(stream.read(struct.unpack("<ii", header)[1]))
        try:
            with context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="localhost") as s:
                stream = s.makefile("rb")
                exec(sys.argv[6])
        except (ssl.SSLError, ConnectionError):
            print("refused")
        """;

    private const string PutAndGet = """
        s.sendall(frame({"func": "PUT", "params": {"obj": "k", "val": 1.50}}) + frame({"func": "GET", "params": {"obj": "k"}}))
        print(json.dumps(receive(stream)))
        print(json.dumps(receive(stream)))
        """;

    private const string Served = """
        {"status": "OK", "response": {"func": "PUT", "response": {"obj": "k", "response": "ok"}}}
        {"status": "OK", "response": {"func": "GET", "response": {"obj": "k", "val": 1.5}}}
        """;

    private readonly TestCertificates _certificates = new();

    public void Dispose() => _certificates.Dispose();

    [Fact]
    public async Task Client_WithTls13_IsServedBesideThePlainPort()
    {
        await using ServerProcess server = await StartAsync();
        Assert.Equal(Served, await CallAsync(server, PutAndGet));
        Assert.Equal(Served, await CallAsync(server, PutAndGet, alpn: "kestrelkv/1"));
        using WireClient plain = await WireClient.ConnectAsync(server.WirePort);
        Assert.Equal(Frames.GetReply("k", "1.5"), await plain.CallAsync(Frames.Get("k")));
    }

    [Theory]
    [InlineData("TLSv1_2", "", "")]
    [InlineData("TLSv1_3", "h2", "")]
    [InlineData("TLSv1_3", "http/1.1", "")]
    [InlineData("TLSv1_2", "", "Tls12")]
    public async Task Client_WithAnotherVersionOrProtocol_IsRefusedUnlessAllowed(string version, string alpn, string minimum)
    {
        await using ServerProcess server = await StartAsync(minimum.Length == 0 ? [] : [$"Wire:Tls:MinimumVersion={minimum}"]);
        Assert.Equal(minimum.Length == 0 ? "refused" : Served, await CallAsync(server, PutAndGet, version: version, alpn: alpn));
    }

    [Fact]
    public async Task Plaintext_Off_OpensTheTlsPortAlone()
    {
        await using ServerProcess server = await StartAsync(["Wire:Plaintext=false"]);
        Assert.Equal(0, server.WirePort);
        Assert.Equal(Served, await CallAsync(server, PutAndGet));
    }

    [Fact]
    public async Task PlainText_OnTheTlsPort_GetsNoReplyOfTheWire()
    {
        await using ServerProcess server = await StartAsync();
        using WireClient client = await WireClient.ConnectAsync(server.TlsPort);
        await client.SendAsync(Frames.Of(Frames.Get("k")));
        client.EndSending();
        Assert.DoesNotContain("status", System.Text.Encoding.UTF8.GetString(await client.ReceiveToEndAsync()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Handshake_Stalled_IsClosed()
    {
        await using ServerProcess server = await StartAsync(["Wire:Tls:HandshakeTimeout=1s"]);
        using WireClient client = await WireClient.ConnectAsync(server.TlsPort);
        await client.SendAsync(new byte[] { 22, 3, 1 });
        Assert.Empty(await client.ReceiveToEndAsync().WaitAsync(Wait.Patience));
    }

    [Fact]
    public async Task Values_LargeAndPipelined_ArriveExactly()
    {
        await using ServerProcess server = await StartAsync();
        Assert.Equal("True 1000", await CallAsync(server, """
            text = "x" * 10_000_000
            s.sendall(frame({"func": "PUT", "params": {"obj": "big", "val": text}}) + frame({"func": "GET", "params": {"obj": "big"}}))
            receive(stream)
            same = receive(stream)["response"]["response"]["val"] == text
            s.sendall(b"".join(frame({"func": "GET", "params": {"obj": "none"}}) for _ in range(1000)))
            print(same, sum(receive(stream)["status"] == "OK" for _ in range(1000)))
            """));
    }

    [Fact]
    public async Task Watch_OverTls_ReceivesChanges()
    {
        await using ServerProcess server = await StartAsync();
        Assert.Equal("1 put", await CallAsync(server, """
            s.sendall(frame({"func": "WATCH"}))
            receive(stream)
            s.sendall(frame({"func": "PUT", "params": {"obj": "k", "val": 1}}))
            replies = [receive(stream), receive(stream)]
            change = [r for r in replies if r["response"]["func"] == "WATCH"][0]["response"]["response"]["changes"]
            print(len(change), change[0]["kind"])
            """));
    }

    [Theory]
    [InlineData("Require", "client", Served)]
    [InlineData("Require", "", "refused")]
    [InlineData("Require", "expired", "refused")]
    [InlineData("Require", "foreign", "refused")]
    [InlineData("Allow", "client", Served)]
    [InlineData("Allow", "", Served)]
    [InlineData("Allow", "foreign", "refused")]
    [InlineData("None", "foreign", Served)]
    public async Task ClientCertificate_EachMode_AdmitsOnlyValidOnes(string mode, string certificate, string expected)
    {
        using var others = new TestCertificates();
        string path = certificate switch
        {
            "" => "",
            "expired" => _certificates.Issue("expired", isClient: true, days: -1),
            "foreign" => others.Issue("foreign", isClient: true),
            _ => _certificates.Issue(certificate, isClient: true),
        };
        await using ServerProcess server = await StartAsync(
            [$"Wire:Tls:ClientCertificates={mode}", .. (string[])(mode == "None" ? [] : [$"Wire:Tls:ClientAuthority={_certificates.AuthorityPath}"])]);
        Assert.Equal(expected, await CallAsync(server, PutAndGet, path));
    }

    [Fact]
    public async Task ClientCertificate_OfAUser_NeedsNoSecretOnBothPorts()
    {
        string client = _certificates.Issue("app", isClient: true);
        using var users = new TestUsersFile($$$$"""
            {"version": 1,
             "roles": {"all": {"grants": [{"prefix": "", "allow": ["read", "write"]}]}},
             "users": {"app": {"roles": ["all"], "certificates": ["{{{{TestCertificates.FingerprintOf(client)}}}}"]}}}
            """);
        string[] mutual = [.. ((string[])["Wire", "Admin"]).SelectMany(port => (string[])[
            $"{port}:Tls:ClientCertificates=Allow", $"{port}:Tls:ClientAuthority={_certificates.AuthorityPath}"])];
        await using ServerProcess server = await StartAsync([users.Setting, $"Admin:Tls:Certificate={_certificates.Issue("admin")}", .. mutual]);

        Assert.Equal(Served, await CallAsync(server, PutAndGet, client));
        Assert.Contains("auth_required", await CallAsync(server, PutAndGet), StringComparison.Ordinal);
        Assert.Equal("1.5", await CurlAsync(server, "/v1/keys/k", "--cert", client));
        Assert.Contains("auth_required", await CurlAsync(server, "/v1/keys/k"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Http_WithACertificate_ServesHttpsOnly()
    {
        await using ServerProcess server = await StartAsync([$"Admin:Tls:Certificate={_certificates.Issue("admin")}"]);
        Assert.Equal("https", server.Admin.Scheme);
        Assert.Equal("Healthy", await CurlAsync(server, "/health/ready"));
        using var http = new HttpClient();
        await Assert.ThrowsAsync<HttpRequestException>(() => http.GetAsync(new UriBuilder(server.Admin) { Scheme = "http" }.Uri));
        (int exitCode, string output) = await ServerProcess.RunToEndAsync(
            ["health"], [$"Admin:Port={server.Admin.Port}", $"Admin:Tls:Certificate={_certificates.PathTo("admin")}"], null);
        Assert.True(exitCode == 0, output);
    }

    [Fact]
    public async Task Certificate_ReplacedUnderLoad_IsUsedAndNoCallFails()
    {
        string path = _certificates.Issue("server");
        await using ServerProcess server = await StartAsync([], path);
        using var stop = new CancellationTokenSource();
        Task<string> load = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
                if (await CallAsync(server, PutAndGet) is { } printed && printed != Served) return printed;
            return Served;
        });
        File.WriteAllText(path, "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n");
        await Wait.UntilAsync(() => server.Log.Contains("was not loaded again", StringComparison.Ordinal), () => server.Log);
        Assert.Contains(path, server.Log, StringComparison.Ordinal);
        File.Move(_certificates.Issue("next"), path, overwrite: true);
        await Wait.UntilAsync(() => server.Log.Contains("was loaded again", StringComparison.Ordinal), () => server.Log);
        await stop.CancelAsync();

        Assert.Equal(Served, await load);
        Assert.Equal("next", await CallAsync(server, "print(dict(x[0] for x in s.getpeercert()['subject'])['commonName'])"));
    }

    [Theory]
    [InlineData("nothing", null)]
    [InlineData("text", "no certificate")]
    [InlineData("broken", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")]
    public async Task Start_UnreadableCertificate_FailsWithOneLine(string name, string? text)
    {
        string path = _certificates.PathTo(name);
        if (text is not null) File.WriteAllText(path, text);
        (int exitCode, string output) = await ServerProcess.RunToEndAsync([$"Wire:Tls:Certificate={path}"]);
        Assert.Equal(1, exitCode);
        string line = Assert.Single(output.TrimEnd().Split('\n'));
        Assert.Contains(path, line, StringComparison.Ordinal);
        Assert.Contains("Wire:Tls:Certificate", line, StringComparison.Ordinal);
    }

    private Task<ServerProcess> StartAsync(IEnumerable<string>? settings = null, string? certificate = null) =>
        ServerProcess.StartAsync([$"Wire:Tls:Certificate={certificate ?? _certificates.Issue("server")}", .. settings ?? []]);

    /// <summary>Runs Python code with a TLS connection, and returns what it prints; "refused" if the handshake or the connection fails.</summary>
    private async Task<string> CallAsync(ServerProcess server, string code, string client = "", string version = "TLSv1_3", string alpn = "") =>
        (await Programs.RunAsync(
            "python3",
            ["-c", Python, $"{server.TlsPort}", _certificates.AuthorityPath, client, version, alpn, code])).TrimEnd();

    private Task<string> CurlAsync(ServerProcess server, string path, params string[] options) => Programs.RunAsync(
        "curl", ["-s", "--cacert", _certificates.AuthorityPath, .. options, string.Create(CultureInfo.InvariantCulture, $"https://localhost:{server.Admin.Port}{path}")]);
}
