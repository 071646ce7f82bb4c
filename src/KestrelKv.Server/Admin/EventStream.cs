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

    private readonly IKeyValueStore _store;
    private readonly IWatch _feed;
    private readonly TimeSpan _bookmarkInterval;
    private readonly TimeProvider _time;
    private readonly bool _values;
    private readonly Channel<bool> _ready = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly ChangesText _changes = new();
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

    /// <summary>Writes events until the feed ends.</summary>
    public async Task RunAsync(HttpResponse response, CancellationToken cancellationToken)
    {
        response.ContentType = ContentType;
        response.Headers.CacheControl = "no-store";
        WriteEvent(response, "bookmark", _begin, data => WriteEmpty(data, _begin));
        while (true)
        {
            if (_changes.Count > 0) WriteEvent(response, "changes", _feed.Position, data => _changes.Write(data, _feed.Position));
            if (_error is { } error)
            {
                WriteEvent(response, "error", id: null, data => ErrorText.Write(data, error));
                await response.BodyWriter.FlushAsync(cancellationToken);
                return;
            }
            await response.BodyWriter.FlushAsync(cancellationToken);
            if (_status == WatchStatus.UpToDate && !await WaitAsync(cancellationToken))
                WriteEvent(response, "bookmark", _feed.Position, data => WriteEmpty(data, _feed.Position));
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

    private void WriteEmpty(TextBuffer data, long version)
    {
        _changes.Begin(_values);
        _changes.Write(data, version);
    }

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
