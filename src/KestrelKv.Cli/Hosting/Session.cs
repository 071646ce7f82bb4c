using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using KestrelKv.Cli.Contexts;
using KestrelKv.Cli.Output;
using KestrelKv.Client;

namespace KestrelKv.Cli.Hosting;

/// <summary>What a command runs with: the terminal, the server, and the form of the output. Connects at the first call.</summary>
internal sealed class Session : IAsyncDisposable
{
    private readonly GlobalOptions _options;
    private readonly ParseResult _parsed;
    private readonly Session? _shell;
    private readonly bool _isShared;
    private readonly bool _hasServer;
    private readonly Lazy<SavedServer> _server;
    private readonly Lazy<KestrelKvClientOptions> _clientOptions;
    private readonly Lazy<KestrelKvClient> _client;

    /// <summary>Creates a session. The options of the server are read when a command needs them.</summary>
    /// <param name="terminal">The terminal.</param>
    /// <param name="options">The options that every command has.</param>
    /// <param name="parsed">The arguments.</param>
    /// <param name="shell">
    /// The session of the shell in which the command runs; null for none. Its client is used unless the arguments name another server or
    /// deadline. If it is read-only, so is the command.
    /// </param>
    public Session(Terminal terminal, GlobalOptions options, ParseResult parsed, Session? shell = null)
    {
        (Terminal, _options, _parsed, _shell) = (terminal, options, parsed, shell);
        if (parsed.GetValue(options.NoColor)) terminal.HasColors = false;
        Format = parsed.GetValue(options.Raw) ? OutputFormat.Raw : parsed.GetValue(options.Output) ?? shell?.Format;
        _isShared = shell is not null && parsed.GetValue(options.Url) is null && parsed.GetValue(options.Context) is null &&
            parsed.GetValue(options.Http) is null && parsed.GetValue(options.Timeout) is null;
        _hasServer = parsed.GetValue(options.Url) is not null || parsed.GetValue(options.Context) is not null;
        _server = shell is not null && !_hasServer ? shell._server
            : new(() => Find(terminal, parsed.GetValue(options.Url), parsed.GetValue(options.Context)));
        _clientOptions = _isShared ? shell!._clientOptions : new(CreateClientOptions);
        _client = _isShared ? shell!._client : new(() => new KestrelKvClient(ClientOptions));
    }

    public Terminal Terminal { get; }

    /// <summary>The options of the client. Commands that need further connections create clients with them.</summary>
    /// <exception cref="CommandFailure">An option, a variable or the context is invalid.</exception>
    public KestrelKvClientOptions ClientOptions => _clientOptions.Value;

    /// <summary>Returns a server as host and port.</summary>
    public static string NameOf(KestrelKvClientOptions server) => $"{server.Host}:{server.Port ?? (server.Tls ? 4445 : 4444)}";

    public KestrelKvClient Client => _client.Value;

    /// <summary>The HTTP address that the user gave; null for the default. <c>KKV_HTTP</c> is not that of a server which the arguments name.</summary>
    public string? Http => _parsed.GetValue(_options.Http)
        ?? (_shell is not null && !_hasServer ? _shell.Http : (_hasServer ? null : Terminal.Environment("KKV_HTTP")) ?? _server.Value.Http);

    public bool IsReadOnly => _parsed.GetValue(_options.ReadOnly) || (_shell?.IsReadOnly ?? false) ||
        (!_isShared && (Terminal.Environment("KKV_READ_ONLY") is not (null or "0") || _server.Value.ReadOnly));

    /// <summary>The form that the user asked for; null for the command's default.</summary>
    public OutputFormat? Format { get; }

    /// <summary>The form of results: by default a table on a terminal, and one line for each result in a pipe.</summary>
    public OutputFormat FormatOrDefault => Format ?? (Terminal.IsOutputTerminal ? OutputFormat.Table : OutputFormat.Ndjson);

    /// <summary>Whether standard output has colors.</summary>
    public bool HasColors => Terminal is { IsOutputTerminal: true, HasColors: true };

    /// <summary>The number of columns of tables. Other forms of the output are not cut.</summary>
    public int Columns => FormatOrDefault == OutputFormat.Table ? Terminal.Columns() : int.MaxValue;

    /// <summary>Refuses a write if the session is read-only.</summary>
    /// <param name="what">The subject that writes, such as <c>The command put</c>.</param>
    /// <exception cref="CommandFailure">The session is read-only.</exception>
    public void ThrowIfReadOnly(string what)
    {
        if (IsReadOnly) throw CommandFailure.Usage($"{what} writes, and the session is read-only (--read-only, KKV_READ_ONLY, or the context)");
    }

    /// <summary>Writes bytes to standard output.</summary>
    public void Write(ReadOnlySpan<byte> bytes) => Terminal.Output.Write(bytes);

    /// <summary>Writes a text to standard output.</summary>
    public void Write(string text) => Write(Encoding.UTF8.GetBytes(text));

    /// <summary>Reports the result of long work: a sentence on standard error for people, otherwise a JSON object.</summary>
    public void Report(string sentence, Action<Utf8JsonWriter> members)
    {
        if (FormatOrDefault is OutputFormat.Table or OutputFormat.Raw) Terminal.WriteMessage(sentence);
        else WriteJson(EntryJson.Object(members));
    }

    /// <summary>Writes a JSON text to standard output: with indentation for people, otherwise on one line.</summary>
    public void WriteJson(ReadOnlySpan<byte> json)
    {
        Write(FormatOrDefault == OutputFormat.Table ? JsonPrinter.ToDisplay(json, HasColors) : JsonPrinter.ToLine(json));
        Write("\n"u8);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_isShared && _client.IsValueCreated) await _client.Value.DisposeAsync();
    }

    private double? TimeoutSeconds => _parsed.GetValue(_options.Timeout) ?? _shell?.TimeoutSeconds;

    private KestrelKvClientOptions CreateClientOptions()
    {
        KestrelKvClientOptions client = KestrelKvClientOptions.Parse(_server.Value.Url);
        if (TimeoutSeconds is { } seconds)
        {
            if (seconds is not (>= 0.001 and <= 86_400))
                throw CommandFailure.Usage(
                    $"--timeout is {seconds.ToString(CultureInfo.InvariantCulture)}, expected seconds from 0.001 to 86400");
            client.Timeout = TimeSpan.FromSeconds(seconds);
        }
        client.FailFast = true;
        client.Validate();
        return client;
    }

    private static SavedServer Find(Terminal terminal, string? url, string? context)
    {
        if (url is not null && context is not null) throw CommandFailure.Usage("--url and --context are both given, expected one of them");
        if (url is not null) return new(url);
        if (context is not null) return ContextFile.Load(terminal).Get(context);
        if (terminal.Environment("KKV_URL") is { } variable) return new(variable);
        ContextFile file = ContextFile.Load(terminal);
        return file.Current is { } current ? file.Get(current) : new("kestrelkv://localhost");
    }
}
