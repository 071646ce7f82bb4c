using System.IO.Pipelines;
using KestrelKv.Protocol;
using KestrelKv.Wire;
using Microsoft.AspNetCore.Connections;
using BadHttpRequestException = Microsoft.AspNetCore.Http.BadHttpRequestException;

namespace KestrelKv.Server.Admin;

/// <summary>Reads whole bodies of requests. Large ones share <see cref="WireConnections.Requests"/> with those of the wire.</summary>
internal sealed class RequestBody(WireConnections connections, RequestLimits limits, WireOptions wire, TimeProvider time)
{
    /// <summary>So that a body that does not arrive is cut off before those that wait for its room are refused.</summary>
    private const int ChecksPerTimeout = 4;

    /// <summary>Reads the body. Its room is released once the request is answered.</summary>
    /// <param name="http">The request.</param>
    /// <param name="text">Where to.</param>
    /// <returns>The error if it is compressed, only a part of something, or finds no room; null if it was read.</returns>
    /// <exception cref="BadHttpRequestException">It is too long, too slow, or in broken chunks.</exception>
    public async ValueTask<ProtocolError?> ReadAsync(HttpContext http, TextBuffer text)
    {
        if (Refuse(http) is { } error) return error;

        // A body of unknown length counts as the longest one. One that is too long is refused as it is read.
        long bytes = Math.Min(http.Request.ContentLength ?? limits.FrameBytesMax, limits.FrameBytesMax);
        bool isLarge = bytes > FrameRoom.SmallBytesMax;
        if (isLarge && !await TakeAsync(http, bytes)) return ProtocolError.RequestsFull(bytes);
        try
        {
            await CopyAsync(http.Request.BodyReader, text, isLarge);
            return null;
        }
        catch (ConnectionResetException)
        {
            // The client went in the middle of the body. Kestrel would try to read the rest, and log that it can't.
            http.Abort();
            throw;
        }
        catch (IOException e) when (e is not BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge })
        {
            // The end of the body, and so the beginning of the next request, is not known.
            http.Response.Headers.Connection = "close";
            throw e as BadHttpRequestException ?? new BadHttpRequestException(e.Message, StatusCodes.Status400BadRequest, e);
        }
    }

    private async ValueTask<bool> TakeAsync(HttpContext http, long bytes)
    {
        if (!await connections.Requests.TakeAsync(bytes, wire.WriteTimeout, http.RequestAborted)) return false;
        http.Response.RegisterForDispose(new Taken(connections.Requests, bytes));
        return true;
    }

    private static ProtocolError? Refuse(HttpContext http)
    {
        IHeaderDictionary headers = http.Request.Headers;
        if (headers.ContentRange.Count > 0)
            return new(ErrorCode.InvalidHeader, "Content-Range is given, expected a whole body; a part of a value is written by ?path=");
        if (headers.ContentEncoding.Count == 0 || headers.ContentEncoding is ["identity"]) return null;
        http.Response.Headers.AcceptEncoding = "identity";
        return new(ErrorCode.UnsupportedEncoding, $"the Content-Encoding is {headers.ContentEncoding}, expected a body that is not compressed");
    }

    private async ValueTask CopyAsync(PipeReader body, TextBuffer text, bool isLarge)
    {
        int checkedBytes = 0;
        TimeSpan period = wire.WriteTimeout / ChecksPerTimeout;
        await using ITimer? progress = isLarge ? time.CreateTimer(_ => CheckProgress(), state: null, period, period) : null;
        while (true)
        {
            // Not cancelled with the request: reading fails if the client has gone.
            ReadResult read = await body.ReadAsync(CancellationToken.None);
            if (read.IsCanceled) throw new BadHttpRequestException("the body arrives too slowly, and others wait for its room", StatusCodes.Status408RequestTimeout);
            foreach (ReadOnlyMemory<byte> piece in read.Buffer) text.Write(piece.Span);
            body.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted) return;
        }

        void CheckProgress()
        {
            // May be of a moment before: it decides nothing but whether a slow client is cut off now or the next time.
            int received = text.Length;
            if (received - checkedBytes < FrameRoom.ProgressBytesMin / ChecksPerTimeout && connections.Requests.HasWaiters) body.CancelPendingRead();
            checkedBytes = received;
        }
    }

    /// <summary>What a body takes of the budget until its request is answered.</summary>
    private sealed class Taken(ByteBudget budget, long bytes) : IDisposable
    {
        public void Dispose() => budget.Return(bytes);
    }
}
