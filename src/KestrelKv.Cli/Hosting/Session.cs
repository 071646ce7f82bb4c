using System.Buffers;
using System.CommandLine;
using System.Globalization;
using KestrelKv.Cli.Contexts;
using KestrelKv.Cli.Output;
using KestrelKv.Client;

namespace KestrelKv.Cli.Hosting;

/// <summary>What a command runs with: the terminal, the server, and the form of the output. Connects at the first call.</summary>
internal sealed class Session : IAsyncDisposable
{
    private readonly Lazy<KestrelKvClient> _client;
    private readonly bool _isShared;

    /// <exception cref="CommandFailure">An option, a variable or the context is invalid.</exception>
    public Session(Terminal terminal, GlobalOptions options, ParseResult parsed)
    {
        Terminal = terminal;
        if (parsed.GetValue(options.NoColor)) terminal.HasColors = false;
        SavedServer server = Find(terminal, parsed.GetValue(options.Url), parsed.GetValue(options.Context));
        IsReadOnly = parsed.GetValue(options.ReadOnly) || server.ReadOnly || terminal.Environment("KKV_READ_ONLY") is not (null or "0");
        Format = parsed.GetValue(options.Raw) ? OutputFormat.Raw : parsed.GetValue(options.Output);
        ClientOptions = KestrelKvClientOptions.Parse(server.Url);
        if (parsed.GetValue(options.Timeout) is { } seconds)
        {
            if (seconds is not (> 0 and <= 86_400)) throw CommandFailure.Usage($"--timeout is {seconds.ToString(CultureInfo.InvariantCulture)}, expected seconds, more than 0 and at most 86400");
            ClientOptions.Timeout = TimeSpan.FromSeconds(seconds);
        }
        ClientOptions.FailFast = true;
        ClientOptions.Validate();
        Http = parsed.GetValue(options.Http) ?? terminal.Environment("KKV_HTTP") ?? server.Http;
        _client = new(() => new KestrelKvClient(ClientOptions));
    }

    /// <summary>Creates the session of a command in a shell, which uses the client of the shell.</summary>
    private Session(Session shell, GlobalOptions options, ParseResult parsed)
    {
        (_client, _isShared, Terminal, ClientOptions, Http) = (shell._client, true, shell.Terminal, shell.ClientOptions, shell.Http);
        IsReadOnly = shell.IsReadOnly || parsed.GetValue(options.ReadOnly);
        Format = parsed.GetValue(options.Raw) ? OutputFormat.Raw : parsed.GetValue(options.Output) ?? shell.Format;
    }

    public Terminal Terminal { get; }

    /// <summary>The options of the client. Commands that need further connections create clients with them.</summary>
    public KestrelKvClientOptions ClientOptions { get; }

    public KestrelKvClient Client => _client.Value;

    /// <summary>The HTTP address that the user gave; null for the default.</summary>
    public string? Http { get; }

    public bool IsReadOnly { get; private set; }

    /// <summary>The form that the user asked for; null for the command's default.</summary>
    public OutputFormat? Format { get; }

    /// <summary>The form of results: by default a table on a terminal, and one line for each result in a pipe.</summary>
    public OutputFormat FormatOrDefault => Format ?? (Terminal.IsOutputTerminal ? OutputFormat.Table : OutputFormat.Ndjson);

    /// <summary>Whether standard output has colors.</summary>
    public bool HasColors => Terminal is { IsOutputTerminal: true, HasColors: true };

    /// <summary>Writes bytes to standard output.</summary>
    public void Write(ReadOnlySpan<byte> bytes) => Terminal.Output.Write(bytes);

    /// <summary>Writes a JSON text to standard output: with indentation for people, otherwise on one line.</summary>
    public void WriteJson(ReadOnlySpan<byte> json)
    {
        var text = new ArrayBufferWriter<byte>(json.Length + 1);
        if (FormatOrDefault == OutputFormat.Table) JsonPrinter.WriteIndented(text, json, HasColors);
        else JsonPrinter.WriteLine(text, json);
        text.Write("\n"u8);
        Write(text.WrittenSpan);
    }

    /// <summary>Returns the session of a command in this shell: with the client of the shell, unless the command names another server or deadline.</summary>
    public Session ForCommand(GlobalOptions options, ParseResult parsed)
    {
        bool isOther = parsed.GetValue(options.Url) is not null || parsed.GetValue(options.Context) is not null ||
            parsed.GetValue(options.Http) is not null || parsed.GetValue(options.Timeout) is not null;
        if (!isOther) return new(this, options, parsed);
        var other = new Session(Terminal, options, parsed);
        other.IsReadOnly |= IsReadOnly;
        return other;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_isShared && _client.IsValueCreated) await _client.Value.DisposeAsync();
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
