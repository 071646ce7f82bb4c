using KestrelKv.Cli.Hosting;
using KestrelKv.Testing;

namespace KestrelKv.Cli.Tests.Hosting;

/// <summary>The server and the HTTP address that the arguments, the environment and the contexts select.</summary>
public sealed class SessionTests : IDisposable
{
    private const string Tls = "kestrelkvs://app:secret@db.invalid";
    private const string Plain = "kestrelkv://app:secret@db.invalid";

    private readonly DataDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    /// <summary>The address of the environment is not that of a server which the arguments name: it would receive the secret.</summary>
    [Theory]
    [InlineData("", "http://variable:1/")]
    [InlineData("--url kestrelkv://db.invalid", "http://db.invalid:8080/")]
    [InlineData("--url kestrelkv://db.invalid --http other:2", "http://other:2/")]
    [InlineData("--context saved", "http://saved:3/")]
    [InlineData("--context bare", "https://bare:8080/")]
    public async Task Http_OfAnotherServer_IsNotThatOfTheEnvironment(string args, string address)
    {
        var contexts = new InProcess("", _directory.PathTo("c.json"));
        await contexts.RunAsync("context", "add", "saved", "kestrelkv://saved", "--http", "http://saved:3");
        await contexts.RunAsync("context", "add", "bare", "kestrelkvs://bare");
        Assert.Equal((address, null), Create(args));
    }

    [Theory]
    [InlineData(Tls, "http://db.invalid:8080", null)]
    [InlineData(Tls, "https://db.invalid:8080", "secret")]
    [InlineData(Tls, "db.invalid:8080", "secret")] // The scheme is that of the wire.
    [InlineData(Tls, "http://127.0.0.1:8080", "secret")]
    [InlineData(Plain, "http://db.invalid:8080", "secret")]
    [InlineData(Plain, "db.invalid:8080", "secret")]
    public void Secret_OfAConnectionWithTls_IsNotSentInPlainText(string url, string http, string? secret) =>
        Assert.Equal(secret, Create($"--url {url} --http {http}").Secret);

    /// <summary>The options of a command of the shell do not change its server.</summary>
    [Theory]
    [InlineData("--timeout 3")]
    [InlineData("--http db.invalid:9")]
    public void Command_OfTheShell_HasTheServerOfTheShell(string args)
    {
        var host = new CommandHost(CreateTerminal());
        var shell = host.CreateSession(host.Root.Parse("--url kestrelkv://shell.invalid --timeout 7"));
        var session = new Session(host.Terminal, host.Options, host.Root.Parse("info " + args), shell);
        Assert.Equal("shell.invalid:4444", Session.NameOf(session.ClientOptions));
        Assert.Equal(args.StartsWith("--timeout", StringComparison.Ordinal) ? 3 : 7, session.ClientOptions.Timeout.TotalSeconds);
        Assert.Equal(args.StartsWith("--http", StringComparison.Ordinal) ? "db.invalid:9" : null, session.Http);
    }

    private (string Address, string? Secret) Create(string args)
    {
        var host = new CommandHost(CreateTerminal());
        using HttpClient http = ServerHttp.Create(host.CreateSession(host.Root.Parse("info " + args)), TimeSpan.FromSeconds(1));
        return (http.BaseAddress!.ToString(), http.DefaultRequestHeaders.Authorization?.Parameter);
    }

    private Terminal CreateTerminal() => new()
    {
        Input = Stream.Null,
        Output = Stream.Null,
        Error = TextWriter.Null,
        IsInputTerminal = false,
        IsOutputTerminal = false,
        IsErrorTerminal = false,
        Columns = () => 80,
        Environment = name => name switch { "KKV_HTTP" => "http://variable:1", "KKV_CONFIG" => _directory.PathTo("c.json"), _ => null },
    };
}
