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

    /// <summary>The least rate at which a client must read.</summary>
    private const int ReadBytesPerSecondMin = 64 * 1024;

    /// <summary>The milliseconds after which a browser connects again. Their own defaults are 3 to 5 seconds.</summary>
    private static ReadOnlySpan<byte> Retry => "retry: 1000\n"u8;

    private readonly WatchSession _watch;
    private readonly TimeProvider _time;
    private readonly Channel<bool> _ready =
        Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <summary>The data of the last event that was written.</summary>
    private readonly TextBuffer _data = new();

    public EventStream(IKeyValueStore store, RequestOptions options, TimeProvider time)
    {
        _time = time;
        _watch = new WatchSession(store, options, time, () => _ready.Writer.TryWrite(true));
    }

    /// <summary>Begins a stream. By itself this is a whole stream without events, after which browsers connect again.</summary>
    public static void Open(HttpResponse response)
    {
        response.ContentType = ContentType;
        response.Headers.CacheControl = "no-store";

        // nginx holds back what a server sends until its buffers are full, unless the server forbids it.
        response.Headers["X-Accel-Buffering"] = "no";
        if (!HttpMethods.IsHead(response.HttpContext.Request.Method)) response.BodyWriter.Write(Retry);
    }

    /// <summary>Reads the first changes.</summary>
    /// <returns>Why the feed cannot begin where it is to; null where it can.</returns>
    public async Task<ProtocolError?> BeginAsync(CancellationToken cancellationToken)
    {
        await _watch.ReadAsync(cancellationToken);
        return _watch.HasChanges ? null : _watch.Error;
    }

    /// <summary>Writes events until the feed ends, or the client does not read them.</summary>
    /// <param name="response">Where to.</param>
    /// <param name="writeTimeout">How long it may leave an event unread, and a second more for each 64 KiB of it, as on the wire.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task RunAsync(HttpResponse response, TimeSpan writeTimeout, CancellationToken cancellationToken)
    {
        Open(response);
        if (HttpMethods.IsHead(response.HttpContext.Request.Method)) return;
        WriteChanges(response, _watch.Begin, default);
        while (true)
        {
            if (_watch.HasNews)
            {
                WriteChanges(response, _watch.Position, _watch.Changes);
                _watch.EndPiece();
            }
            if (_watch.Error is { } error) WriteError(response, error);
            if (!await FlushAsync(response, writeTimeout, cancellationToken) || _watch.Error is not null) return;
            if (!_watch.IsReady) await WaitAsync(cancellationToken);
            await _watch.ReadAsync(cancellationToken);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _watch.Dispose();
        _data.Dispose();
    }

    /// <summary>Sends what was written. False where the client does not take it, which breaks the connection off.</summary>
    /// <remarks>Kestrel's own limit adds up: it would leave an hour to a client that has read much and then reads no more.</remarks>
    private async ValueTask<bool> FlushAsync(HttpResponse response, TimeSpan timeout, CancellationToken cancellationToken)
    {
        TimeSpan time = timeout + TimeSpan.FromSeconds((double)_data.Length / ReadBytesPerSecondMin);

        // The response has its copy: a stream that waits for the next change keeps nothing of the last one.
        _data.Clear();
        using var late = new CancellationTokenSource(time, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellationToken);
        try
        {
            await response.BodyWriter.FlushAsync(either.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // It had its time.
        }
        if (!late.IsCancellationRequested) return true;
        response.HttpContext.Abort();
        return false;
    }

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

    private void WriteChanges(HttpResponse response, long version, ReadOnlySpan<byte> changes)
    {
        _data.Clear();
        WatchSession.WriteHead(_data, watch: null, version);
        _data.Write(changes);
        _data.Write(WatchSession.Tail);
        WriteEvent(response, changes.IsEmpty ? "bookmark" : "changes", version);
    }

    private void WriteError(HttpResponse response, ProtocolError error)
    {
        _data.Clear();
        ErrorText.Write(_data, error);
        WriteEvent(response, "error", id: null);
    }

    /// <summary><c>id: V</c>, <c>event: NAME</c>, and the data, which has a line for each of its own.</summary>
    private void WriteEvent(HttpResponse response, string name, long? id)
    {
        string head = id is null ? "" : string.Create(CultureInfo.InvariantCulture, $"id: {id}\n");
        response.BodyWriter.Write(Encoding.UTF8.GetBytes($"{head}event: {name}\n"));
        foreach (Range line in Lines(_data.Written))
        {
            response.BodyWriter.Write("data: "u8);
            response.BodyWriter.Write(_data.Written[line]);
            response.BodyWriter.Write("\n"u8);
        }
        response.BodyWriter.Write("\n"u8);
    }

    /// <summary>Values may have ends of lines between their parts, which in an event would end its data.</summary>
    private static List<Range> Lines(ReadOnlySpan<byte> text)
    {
        List<Range> lines = [];
        int start = 0;
        for (int end; (end = text[start..].IndexOfAny((byte)'\n', (byte)'\r')) >= 0; start += end + 1) lines.Add(start..(start + end));
        lines.Add(start..text.Length);
        return lines;
    }
}
