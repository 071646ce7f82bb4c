using System.IO.Pipelines;
using KestrelKv.Protocol;
using KestrelKv.Wire;
using Microsoft.AspNetCore.Connections;
using BadHttpRequestException = Microsoft.AspNetCore.Http.BadHttpRequestException;

namespace KestrelKv.Server.Admin;

/// <summary>Reads request bodies. Large bodies share the budget <see cref="WireConnections.Requests"/> with the wire.</summary>
internal sealed class RequestBody(WireConnections connections, RequestLimits limits, WireOptions wire, TimeProvider time)
{
    /// <summary>The progress checks per write timeout. A stalled body must be aborted before waiting requests are refused.</summary>
    private const int ChecksPerTimeout = 4;

    /// <summary>Reads the body. Its memory is released once the response is complete.</summary>
    /// <param name="http">The request.</param>
    /// <param name="text">The buffer to write to.</param>
    /// <returns>The error if the body is compressed or partial, or if no memory is available; otherwise null.</returns>
    /// <exception cref="BadHttpRequestException">The body is too long, too slow, or has invalid chunks.</exception>
    public async ValueTask<ProtocolError?> ReadAsync(HttpContext http, TextBuffer text)
    {
        if (Refuse(http) is { } error) return error;

        // A body of unknown length reserves the maximum. A body that is too long is refused during the read.
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
            // The client disconnected. Without the abort, Kestrel tries to read the rest of the body and logs a failure.
            http.Abort();
            throw;
        }
        catch (IOException e) when (e is not BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge })
        {
            // The start of the next request is unknown, because the end of the body is.
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
            return new(ErrorCode.InvalidHeader, "Content-Range is given, expected a whole body; to write a part of a value, use ?path=");
        if (headers.ContentEncoding.Count == 0 || headers.ContentEncoding is ["identity"]) return null;
        http.Response.Headers.AcceptEncoding = "identity";
        return new(ErrorCode.UnsupportedEncoding, $"the Content-Encoding is {headers.ContentEncoding}, expected an uncompressed body");
    }

    private async ValueTask CopyAsync(PipeReader body, TextBuffer text, bool isLarge)
    {
        int checkedBytes = 0;
        TimeSpan period = wire.WriteTimeout / ChecksPerTimeout;
        await using ITimer? progress = isLarge ? time.CreateTimer(_ => CheckProgress(), state: null, period, period) : null;
        while (true)
        {
            // Needs no cancellation: the read fails if the client disconnects.
            ReadResult read = await body.ReadAsync(CancellationToken.None);
            if (read.IsCanceled)
            {
                throw new BadHttpRequestException(
                    $"the body arrives too slowly while other requests wait for memory, " +
                    $"expected {FrameRoom.ProgressBytesMin} bytes within {wire.WriteTimeout} (Wire:WriteTimeout)",
                    StatusCodes.Status408RequestTimeout);
            }
            foreach (ReadOnlyMemory<byte> piece in read.Buffer) text.Write(piece.Span);
            body.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted) return;
        }

        void CheckProgress()
        {
            // The length may be stale. It only decides whether a slow client is disconnected now or at the next check.
            int received = text.Length;
            if (received - checkedBytes < FrameRoom.ProgressBytesMin / ChecksPerTimeout && connections.Requests.HasWaiters)
                body.CancelPendingRead();
            checkedBytes = received;
        }
    }

    /// <summary>The memory of a body, returned to the budget once the response is complete.</summary>
    private sealed class Taken(ByteBudget budget, long bytes) : IDisposable
    {
        public void Dispose() => budget.Return(bytes);
    }
}
