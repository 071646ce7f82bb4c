using System.Buffers;
using System.Globalization;
using System.Text;
using System.Threading.Channels;
using KestrelKv.Protocol;
using KestrelKv.Storage;
using KestrelKv.Wire;

namespace KestrelKv.Server.Admin;

/// <summary>A watch as a stream of server-sent events (WHATWG HTML, section 9.2).</summary>
internal sealed class EventStream : IDisposable
{
    public const string ContentType = "text/event-stream";

    private static readonly byte[] Tail = WatchSession.Tail.ToArray();

    /// <summary>The milliseconds after which a browser connects again. Their own defaults are 3 to 5 seconds.</summary>
    private static ReadOnlySpan<byte> Retry => "retry: 1000\n"u8;

    private readonly WatchSession _watch;
    private readonly TimeProvider _time;
    private readonly Channel<bool> _ready =
        Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    private readonly TextBuffer _none = new();

    /// <summary>Opens the watch.</summary>
    /// <param name="store">The store.</param>
    /// <param name="options">What the request asks for.</param>
    /// <param name="time">The clock of the bookmarks.</param>
    /// <param name="budget">Counts the changes until they are sent.</param>
    public EventStream(IKeyValueStore store, RequestOptions options, TimeProvider time, ByteBudget budget)
    {
        _time = time;
        _watch = new WatchSession(store, options, time, () => _ready.Writer.TryWrite(true), budget);
    }

    /// <summary>Begins a stream. If nothing follows, it is a stream without events, after which browsers connect again.</summary>
    public static void Open(HttpResponse response)
    {
        response.ContentType = ContentType;
        response.Headers.CacheControl = "no-store";

        // nginx holds back what a server sends until its buffers are full, unless the server forbids it.
        response.Headers["X-Accel-Buffering"] = "no";
        if (!HttpMethods.IsHead(response.HttpContext.Request.Method)) response.BodyWriter.Write(Retry);
    }

    /// <summary>Reads the first changes.</summary>
    /// <returns>The error if the feed cannot begin at the version that was asked for; otherwise null.</returns>
    public async Task<ProtocolError?> BeginAsync(CancellationToken cancellationToken)
    {
        await _watch.ReadAsync(cancellationToken);
        return _watch.HasChanges ? null : _watch.Error;
    }

    /// <summary>Writes events until the feed ends, or the client does not read them.</summary>
    /// <param name="response">Where to.</param>
    /// <param name="writeTimeout">How long it may leave the next 64 KiB unread.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task RunAsync(HttpResponse response, TimeSpan writeTimeout, CancellationToken cancellationToken)
    {
        Open(response);
        if (HttpMethods.IsHead(response.HttpContext.Request.Method)) return;
        var output = new TimedWriter(response, writeTimeout, _time);
        if (!await WriteChangesAsync(output, _watch.Begin, _none, cancellationToken)) return;
        while (true)
        {
            if (_watch.HasNews)
            {
                if (!await WriteChangesAsync(output, _watch.Position, _watch.Changes, cancellationToken)) return;
                _watch.EndPiece();
            }
            if (_watch.Error is { } error && !await WriteErrorAsync(output, error, cancellationToken)) return;
            if (!await output.FlushAsync(cancellationToken) || _watch.Error is not null) return;
            if (!_watch.IsReady) await WaitAsync(cancellationToken);
            await _watch.ReadAsync(cancellationToken);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _watch.Dispose();

    /// <summary>Waits for changes, or until a bookmark is due.</summary>
    private async Task WaitAsync(CancellationToken cancellationToken)
    {
        long now = _time.GetTimestamp();
        TimeSpan rest = _time.GetElapsedTime(now, Math.Max(now, _watch.BookmarkAt));
        using var time = new CancellationTokenSource(TimeSpan.FromMilliseconds(Math.Ceiling(rest.TotalMilliseconds)), _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(time.Token, cancellationToken);
        try
        {
            await _ready.Reader.ReadAsync(either.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // A bookmark is due.
        }
    }

    private static async ValueTask<bool> WriteChangesAsync(TimedWriter output, long version, TextBuffer changes, CancellationToken cancellationToken)
    {
        using var head = new TextBuffer();
        WatchSession.WriteHead(head, watch: null, version);
        string name = changes.Length == 0 ? "bookmark" : "changes";
        return await WriteEventAsync(output, name, version, [.. head.Pieces, .. changes.Pieces, Tail], cancellationToken);
    }

    private static async ValueTask<bool> WriteErrorAsync(TimedWriter output, ProtocolError error, CancellationToken cancellationToken)
    {
        using var head = new TextBuffer();
        ErrorText.Write(head, error);
        return await WriteEventAsync(output, "error", id: null, [.. head.Pieces], cancellationToken);
    }

    /// <summary><c>id: V</c>, <c>event: NAME</c>, and the data, which has a line for each of its own.</summary>
    /// <returns>False if the client does not take it.</returns>
    private static async ValueTask<bool> WriteEventAsync(
        TimedWriter output, string name, long? id, ReadOnlyMemory<byte>[] data, CancellationToken cancellationToken)
    {
        string head = id is null ? "" : string.Create(CultureInfo.InvariantCulture, $"id: {id}\n");
        output.Write(Encoding.UTF8.GetBytes($"{head}event: {name}\ndata: "));
        foreach (ReadOnlyMemory<byte> piece in data)
        {
            if (output.IsFull && !await output.FlushAsync(cancellationToken)) return false;
            WriteLines(output, piece.Span);
        }
        output.Write("\n\n"u8);
        return true;
    }

    /// <summary>Values may have ends of lines between their parts, which in an event would end its data.</summary>
    private static void WriteLines(TimedWriter output, ReadOnlySpan<byte> text)
    {
        for (int end; (end = text.IndexOfAny((byte)'\n', (byte)'\r')) >= 0; text = text[(end + 1)..])
        {
            output.Write(text[..end]);
            output.Write("\ndata: "u8);
        }
        output.Write(text);
    }
}
