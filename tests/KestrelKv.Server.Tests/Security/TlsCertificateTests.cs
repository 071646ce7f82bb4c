using System.Security.Cryptography.X509Certificates;
using System.Text.RegularExpressions;
using KestrelKv.Server.Tests.Telemetry;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Security;

/// <summary>Certificates of the server: their files, their replacement, and the health checks.</summary>
public sealed class TlsCertificateTests : IDisposable
{
    private const string Ping = """{"func": "PING", "params": {}}""";

    private readonly TestAuthority _authority = new();

    public void Dispose() => _authority.Dispose();

    [Fact]
    public async Task Files_SwappedByLinkUnderLoad_AreUsedWithoutAFailedCall()
    {
        _authority.IssueServer("1.pem");
        _authority.IssueServer("2.pem");
        string link = _authority.PathTo("current");
        File.CreateSymbolicLink(link, _authority.PathTo("1.pem"));
        await using ServerProcess server = await ServerProcess.StartAsync([$"Wire:Tls:Certificate={link}"]);
        string first = await PresentedAsync(server);

        using var stop = new CancellationTokenSource();
        Task<int> load = Task.Run(async () =>
        {
            int calls = 0;
            using WireClient open = await WireClient.ConnectAsync(server.TlsPort, _authority.Client());
            for (; !stop.IsCancellationRequested; calls++)
            {
                using WireClient client = await WireClient.ConnectAsync(server.TlsPort, _authority.Client());
                Assert.Contains("pong", await client.CallAsync(Ping), StringComparison.Ordinal);
                Assert.Contains("pong", await open.CallAsync(Ping), StringComparison.Ordinal);
            }
            return calls;
        });
        File.CreateSymbolicLink($"{link}.new", _authority.PathTo("2.pem"));
        File.Move($"{link}.new", link, overwrite: true);
        await Wait.UntilAsync(async () => await PresentedAsync(server) != first, () => server.Log);
        await stop.CancelAsync();
        Assert.True(await load > 0);
        Assert.Equal(1, (await Scrape.OfAsync(server.Admin)).Sum(
            "kestrelkv_tls_certificate_reloads_total", ("port", "wire"), ("outcome", "ok")));
    }

    [Fact]
    public async Task File_ReplacedByAnInvalidOne_KeepsTheCertificate()
    {
        string file = _authority.IssueServer();
        await using ServerProcess server = await ServerProcess.StartAsync([$"Wire:Tls:Certificate={file}"]);
        string first = await PresentedAsync(server);
        await File.WriteAllTextAsync(file, "-----BEGIN CERTIFICATE-----\nnot Base64\n-----END CERTIFICATE-----\n");
        await Wait.UntilAsync(() => server.Log.Contains("was not reloaded", StringComparison.Ordinal), () => server.Log);
        string reason = $"KestrelKv:Wire:Tls:Certificate: {file}, line 2: the line is not valid Base64";
        Assert.Contains(reason, server.Log, StringComparison.Ordinal);
        Assert.Equal(first, await PresentedAsync(server));
        Assert.Equal(1, (await Scrape.OfAsync(server.Admin)).Sum(
            "kestrelkv_tls_certificate_reloads_total", ("port", "wire"), ("outcome", "failed")));

        // A valid file is used again.
        _authority.IssueServer();
        await Wait.UntilAsync(async () => await PresentedAsync(server) != first, () => server.Log);
    }

    [Fact]
    public async Task File_ReplacedAndHangup_IsLoaded()
    {
        await using ServerProcess server = await ServerProcess.StartAsync([$"Wire:Tls:Certificate={_authority.IssueServer()}"]);
        server.SendSignal("HUP");
        await Wait.UntilAsync(() => server.Log.Contains("was reloaded", StringComparison.Ordinal), () => server.Log);
        Assert.Contains("pong", await PingAsync(server), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("missing", "Could not find file")]
    [InlineData("empty", "no line begins with")]
    [InlineData("base64", "line 2: the line is not valid Base64")]
    [InlineData("truncated", "line 1: the block is incomplete")]
    [InlineData("no key", "has 0 private keys, expected 1")]
    [InlineData("other key", "line 1: the key does not belong to the certificate")]
    [InlineData("expired", "line 1: the certificate expired at")]
    [InlineData("early", "line 1: the certificate is not valid before")]
    public async Task Start_UnusableCertificate_FailsWithOneLine(string kind, string reason)
    {
        int fromDays = kind switch { "expired" => -9, "early" => 3, _ => -1 };
        string file = _authority.IssueServer(days: kind == "expired" ? -1 : 365, fromDays: fromDays);
        string[] key = [];
        string text = await File.ReadAllTextAsync(file);
        switch (kind)
        {
            case "missing":
                File.Delete(file);
                break;
            case "empty":
                await File.WriteAllTextAsync(file, "");
                break;
            case "base64":
                await File.WriteAllTextAsync(file, text.Insert(text.IndexOf('\n') + 2, "?"));
                break;
            case "truncated":
                await File.WriteAllTextAsync(file, text[..200]);
                break;
            case "no key":
                await File.WriteAllTextAsync(file, text[..text.IndexOf("-----BEGIN PRIVATE", StringComparison.Ordinal)]);
                break;
            case "other key":
                string other = await File.ReadAllTextAsync(_authority.IssueServer("other.pem"));
                file = _authority.PathTo("other.key");
                await File.WriteAllTextAsync(file, other[other.IndexOf("-----BEGIN PRIVATE", StringComparison.Ordinal)..]);
                key = [$"Wire:Tls:Key={file}"];
                break;
        }
        (int exitCode, string output) =
            await ServerProcess.RunToEndAsync([$"Wire:Tls:Certificate={_authority.PathTo("server.pem")}", .. key]);
        Assert.Equal(1, exitCode);
        string line = Assert.Single(output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        string setting = key.Length > 0 ? "Key" : "Certificate";
        Assert.StartsWith($"kestrelkv: KestrelKv:Wire:Tls:{setting}: {file}", line, StringComparison.Ordinal);
        Assert.Contains(reason, line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_CertificateExpiresSoon_Warns()
    {
        string file = _authority.IssueServer(days: 3, fromDays: -300);
        await using ServerProcess server = await ServerProcess.StartAsync([$"Wire:Tls:Certificate={file}"]);
        await Wait.UntilAsync(
            () => Regex.IsMatch(server.Log, "WRN The certificate of the wire port expires at .*; replace its file"), () => server.Log);
    }

    [Theory]
    [InlineData("None")]
    [InlineData("Require")]
    public async Task HealthChecks_OnlyTlsIsOn_Succeed(string mode)
    {
        string file = _authority.IssueServer();
        string[] tls = [.. new[] { "Wire", "Admin" }.SelectMany(section => new[]
        {
            $"{section}:Tls:Certificate={file}", $"{section}:Tls:ClientCertificates={mode}",
            $"{section}:Tls:ClientAuthority={_authority.RootFile}",
        })];
        await using ServerProcess server = await ServerProcess.StartAsync(["Wire:Plaintext=false", .. tls]);
        Assert.Equal(Uri.UriSchemeHttps, server.Admin.Scheme);
        (int exitCode, string output) = await ServerProcess.RunToEndAsync(["health"], [.. tls, $"Admin:Port={server.Admin.Port}"], null);
        Assert.True(exitCode == 0, output);
        Assert.Contains("Healthy", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Curl_OverHttps_VerifiesTheServerAndUsesHttp11()
    {
        await using ServerProcess server = await ServerProcess.StartAsync([$"Admin:Tls:Certificate={_authority.IssueServer()}"]);
        string[] curl = ["--silent", "--show-error", "--fail", "--cacert", _authority.RootFile];
        string[] put = ["-X", "PUT", "-H", "Content-Type: application/json", "-d", "7"];
        await Programs.RunAsync("curl", [.. curl, .. put, $"{server.Admin}v1/keys/a"]);
        Assert.Equal("7 1.1", await Programs.RunAsync("curl", [.. curl, "-w", " %{http_version}", $"{server.Admin}v1/keys/a"]));

        // The port serves no plain HTTP.
        using var http = new HttpClient();
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => http.GetAsync(new UriBuilder(server.Admin) { Scheme = "http" }.Uri));
    }

    private async Task<string> PingAsync(ServerProcess server)
    {
        using WireClient client = await WireClient.ConnectAsync(server.TlsPort, _authority.Client());
        return await client.CallAsync(Ping);
    }

    /// <summary>Returns the serial number of the certificate that the server presents.</summary>
    private async Task<string> PresentedAsync(ServerProcess server)
    {
        using WireClient client = await WireClient.ConnectAsync(server.TlsPort, _authority.Client());
        return ((X509Certificate2)client.Tls!.RemoteCertificate!).SerialNumber;
    }
}
