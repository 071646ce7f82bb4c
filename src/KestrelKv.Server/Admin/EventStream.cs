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

    /// <summary>The reconnection delay for browsers, in milliseconds. Their defaults are 3 to 5 seconds.</summary>
    private static ReadOnlySpan<byte> Retry => "retry: 1000\n"u8;

    private readonly WatchSession _watch;
    private readonly TimeProvider _time;
    private readonly Channel<bool> _ready =
        Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    private readonly TextBuffer _none = new();
    private volatile ProtocolError? _end;

    /// <summary>Opens the watch.</summary>
    /// <param name="store">The store.</param>
    /// <param name="options">The parameters of the request.</param>
    /// <param name="time">The clock for bookmarks and write timeouts.</param>
    /// <param name="budget">The memory budget for changes that are not yet sent.</param>
    public EventStream(IKeyValueStore store, RequestOptions options, TimeProvider time, ByteBudget budget)
    {
        _time = time;
        _watch = new WatchSession(store, options, time, () => _ready.Writer.TryWrite(true), budget);
    }

    /// <summary>Starts the response. If the stream then ends without events, browsers reconnect.</summary>
    public static void Open(HttpResponse response)
    {
        response.ContentType = ContentType;
        response.Headers.CacheControl = "no-store";

        // Without this header nginx buffers the response.
        response.Headers["X-Accel-Buffering"] = "no";
        if (!HttpMethods.IsHead(response.HttpContext.Request.Method)) response.BodyWriter.Write(Retry);
    }

    /// <summary>Ends the stream with an error, after the event that is being sent. Thread-safe.</summary>
    public void End(ProtocolError error)
    {
        _end = error;
        _ready.Writer.TryWrite(true);
    }

    /// <summary>Reads the first changes.</summary>
    /// <returns>The error if the feed cannot start at the requested version; otherwise null.</returns>
    public async Task<ProtocolError?> BeginAsync(CancellationToken cancellationToken)
    {
        await _watch.ReadAsync(cancellationToken);
        return _watch.HasChanges ? null : _watch.Error;
    }

    /// <summary>Writes events until the feed ends or the client stops reading.</summary>
    /// <param name="response">The response to write to.</param>
    /// <param name="writeTimeout">The time in which the client must receive the next 64 KiB.</param>
    /// <param name="cancellationToken">The token that ends the stream.</param>
    public async Task RunAsync(HttpResponse response, TimeSpan writeTimeout, CancellationToken cancellationToken)
    {
        Open(response);
        if (HttpMethods.IsHead(response.HttpContext.Request.Method)) return;
        var output = new TimedWriter(response, writeTimeout, _time);
        if (!await WriteChangesAsync(output, _watch.Begin, _none, cancellationToken)) return;
        while (true)
        {
            if (_end is null && _watch.HasNews)
            {
                if (!await WriteChangesAsync(output, _watch.Position, _watch.Changes, cancellationToken)) return;
                _watch.EndPiece();
            }
            ProtocolError? error = _end ?? _watch.Error;
            if (error is not null && !await WriteErrorAsync(output, error, cancellationToken)) return;
            if (!await output.FlushAsync(cancellationToken) || error is not null) return;
            if (_end is null && !_watch.IsReady) await WaitAsync(cancellationToken);
            if (_end is null) await _watch.ReadAsync(cancellationToken);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _watch.Dispose();

    /// <summary>Waits until there are changes or a bookmark is due.</summary>
    private async Task WaitAsync(CancellationToken cancellationToken)
    {
        long now = _time.GetTimestamp();
        TimeSpan remaining = _time.GetElapsedTime(now, Math.Max(now, _watch.BookmarkAt));
        using var time = new CancellationTokenSource(TimeSpan.FromMilliseconds(Math.Ceiling(remaining.TotalMilliseconds)), _time);
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

    private static async ValueTask<bool> WriteChangesAsync(
        TimedWriter output, long version, TextBuffer changes, CancellationToken cancellationToken)
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

    /// <summary>Writes an event: <c>id: V</c>, <c>event: NAME</c>, and one <c>data:</c> line for each line of the data.</summary>
    /// <returns>False if the client did not read in time or has disconnected.</returns>
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

    /// <summary>Writes text as data lines. JSON values can contain line breaks, which would otherwise end the data line.</summary>
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
