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

    private readonly IKeyValueStore _store;
    private readonly IWatch _feed;
    private readonly TimeSpan _bookmarkInterval;
    private readonly TimeProvider _time;
    private readonly bool _values;
    private readonly Channel<bool> _ready =
        Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly ChangesText _changes = new();

    /// <summary>The data of the last event that was written.</summary>
    private readonly TextBuffer _data = new();
    private readonly long _begin;
    private WatchStatus _status;
    private ProtocolError? _error;

    public EventStream(IKeyValueStore store, WatchQuery query, bool values, TimeSpan bookmarkInterval, TimeProvider time)
    {
        (_store, _values, _bookmarkInterval, _time) = (store, values, bookmarkInterval, time);
        _feed = store.Watch(query, () => _ready.Writer.TryWrite(true));
        _begin = _feed.Position;
    }

    /// <summary>Looks whether the feed can begin where it is to.</summary>
    /// <returns>Why not; null where it can.</returns>
    public async Task<ProtocolError?> BeginAsync(CancellationToken cancellationToken)
    {
        await ReadAsync(cancellationToken);
        return _changes.Count == 0 ? _error : null;
    }

    /// <summary>Writes events until the feed ends, or the client does not read them.</summary>
    /// <param name="response">Where to.</param>
    /// <param name="writeTimeout">How long it may leave an event unread, and a second more for each 64 KiB of it, as on the wire.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task RunAsync(HttpResponse response, TimeSpan writeTimeout, CancellationToken cancellationToken)
    {
        response.ContentType = ContentType;
        response.Headers.CacheControl = "no-store";
        WriteBookmark(response, _begin);
        while (true)
        {
            if (_changes.Count > 0) WriteChanges(response, _feed.Position);
            if (_error is { } error)
            {
                WriteEvent(response, "error", id: null, data => ErrorText.Write(data, error));
                await FlushAsync(response, writeTimeout, cancellationToken);
                return;
            }
            if (!await FlushAsync(response, writeTimeout, cancellationToken)) return;
            if (_status == WatchStatus.UpToDate && !await WaitAsync(cancellationToken))
                WriteBookmark(response, _feed.Position);
            await ReadAsync(cancellationToken);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _feed.Dispose();
        _changes.Dispose();
        _data.Dispose();
    }

    private async Task ReadAsync(CancellationToken cancellationToken)
    {
        _changes.Begin(_values);
        try
        {
            _status = await _feed.ReadAsync(_changes, cancellationToken);
            _error = WatchErrors.Find(_status, _feed, _store);
        }
        catch (IOException e)
        {
            _error = WatchErrors.Unreadable(_feed, e);
        }
    }

    /// <summary>Sends what was written. False where the client does not take it, which breaks the connection off.</summary>
    /// <remarks>Kestrel's own limit adds up: it would leave an hour to a client that has read much and then reads no more.</remarks>
    private async ValueTask<bool> FlushAsync(HttpResponse response, TimeSpan timeout, CancellationToken cancellationToken)
    {
        TimeSpan time = timeout + TimeSpan.FromSeconds((double)_data.Length / ReadBytesPerSecondMin);

        // The response has its copy: who waits for the next change keeps nothing of the last one.
        _data.Clear();
        _changes.Begin(_values);
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

    /// <summary>Waits for changes. False where there were none for the time after which the position is to be told.</summary>
    private async Task<bool> WaitAsync(CancellationToken cancellationToken)
    {
        using var time = new CancellationTokenSource(_bookmarkInterval, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(time.Token, cancellationToken);
        try
        {
            await _ready.Reader.ReadAsync(either.Token);
            return true;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    private void WriteChanges(HttpResponse response, long version) =>
        WriteEvent(response, "changes", version, data => _changes.Write(data, version));

    private void WriteBookmark(HttpResponse response, long version) =>
        WriteEvent(response, "bookmark", version, data => ChangesText.WriteBookmark(data, version));

    /// <summary><c>id: V</c>, <c>event: NAME</c>, and the data, which has a line for each of its own.</summary>
    private void WriteEvent(HttpResponse response, string name, long? id, Action<TextBuffer> write)
    {
        _data.Clear();
        write(_data);
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
