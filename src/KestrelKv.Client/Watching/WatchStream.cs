using System.Text.Json;
using KestrelKv.Client.Connections;
using KestrelKv.Client.Replies;
using KestrelKv.Client.Requests;

namespace KestrelKv.Client.Watching;

/// <summary>The connection of one open watch. Its replies are read one at a time, so a slow reader slows down the server's sending.</summary>
internal sealed class WatchStream : IAsyncDisposable
{
    private readonly Stream _stream;
    private readonly KestrelKvClientOptions _options;
    private byte[] _received = new byte[16 * 1024];

    // The received bytes are from _start to _end. The current reply is before _start.
    private int _start;
    private int _end;

    private WatchStream(Stream stream, KestrelKvClientOptions options) => (_stream, _options) = (stream, options);

    /// <summary>The response of the first reply, which has no changes. Valid until the first read.</summary>
    public ReadOnlyMemory<byte> First { get; private set; }

    /// <summary>Opens a watch.</summary>
    /// <exception cref="KestrelKvException">The server refused the watch.</exception>
    /// <exception cref="IOException">There is no connection.</exception>
    public static async Task<(WatchStream Stream, long Version)> OpenAsync(
        Connector connector, KestrelKvClientOptions options, string prefix, long? fromVersion, bool values, TimeSpan progressInterval,
        CancellationToken cancellationToken)
    {
        var watch = new WatchStream(await connector.ConnectAsync(cancellationToken).ConfigureAwait(false), options);
        try
        {
            var request = new RequestBuffer(isCleared: false);
            RequestText.Begin(request, "WATCH", options);
            request.Write("\"prefix\": "u8);
            request.WriteString(prefix);
            if (values) request.Write(", \"values\": true"u8);
            if (fromVersion is { } from)
            {
                request.Write(", \"from_version\": "u8);
                request.WriteNumber(from);
            }
            request.Write(", \"bookmark_interval\": "u8);
            request.WriteSeconds((long)progressInterval.TotalMilliseconds);
            RequestText.End(request, activity: null);
            await watch._stream.WriteAsync(request.Frame, cancellationToken).ConfigureAwait(false);
            watch.First = await watch.ReadAsync(cancellationToken).ConfigureAwait(false);
            return (watch, VersionOf(watch.First.Span));
        }
        catch
        {
            await watch.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Returns the response of the next reply, which is valid until the next read.</summary>
    /// <exception cref="KestrelKvException">The server ended the watch.</exception>
    /// <exception cref="IOException">The connection broke, or the server sent nothing for three times the interval.</exception>
    public async ValueTask<ReadOnlyMemory<byte>> ReadAsync(CancellationToken cancellationToken)
    {
        int length = await FillAsync(FrameHeader.Bytes, cancellationToken).ConfigureAwait(false);
        if (!FrameHeader.TryRead(_received.AsSpan(_start), _options.ReplyBytesMax, out int bytes, out IOException? fault)) throw fault;
        if (length < FrameHeader.Bytes + bytes) await FillAsync(FrameHeader.Bytes + bytes, cancellationToken).ConfigureAwait(false);
        var reply = new ReadOnlyMemory<byte>(_received, _start + FrameHeader.Bytes, bytes);
        _start += FrameHeader.Bytes + bytes;
        return reply[Offset(reply.Span)];
    }

    public ValueTask DisposeAsync() => _stream.DisposeAsync();

    private static Range Offset(ReadOnlySpan<byte> reply)
    {
        ReadOnlySpan<byte> response = ReplyText.OpenOrThrow(reply);
        reply.Overlaps(response, out int offset);
        return offset..(offset + response.Length);
    }

    /// <summary>Returns the version of a response, which usually precedes the changes: they are not read.</summary>
    /// <exception cref="OutcomeUnknownException">The response cannot be read.</exception>
    public static long VersionOf(ReadOnlySpan<byte> response)
    {
        try
        {
            var reader = new Utf8JsonReader(response, ReplyText.ReaderOptions);
            reader.Read();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (reader.ValueTextEquals("version"u8)) return reader.ReadInteger();
                reader.Skip();
            }
            return 0;
        }
        catch (JsonException e)
        {
            throw ReplyJson.NotJson(e);
        }
    }

    /// <summary>Receives until at least a number of bytes is available.</summary>
    private async ValueTask<int> FillAsync(int bytes, CancellationToken cancellationToken)
    {
        if (_end - _start >= bytes) return _end - _start;
        if (_start > 0)
        {
            _received.AsSpan(_start, _end - _start).CopyTo(_received);
            (_start, _end) = (0, _end - _start);
        }
        if (_received.Length < bytes) Array.Resize(ref _received, bytes);
        while (_end < bytes)
        {
            using var late = new CancellationTokenSource(_options.ProgressInterval * 3, _options.Time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellationToken);
            int received;
            try
            {
                received = await _stream.ReadAsync(_received.AsMemory(_end), either.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                throw new IOException($"The server sent nothing for {_options.ProgressInterval * 3} (three times ProgressInterval).");
            }
            if (received == 0) throw new EndOfStreamException("The server closed the connection.");
            _end += received;
        }
        return _end - _start;
    }
}
