using System.IO.Pipelines;
using KestrelKv.Protocol;
using Microsoft.AspNetCore.Connections;
using BadHttpRequestException = Microsoft.AspNetCore.Http.BadHttpRequestException;

namespace KestrelKv.Server.Admin;

/// <summary>The whole body of a request.</summary>
internal static class RequestBody
{
    /// <summary>Reads the body.</summary>
    /// <param name="http">The request.</param>
    /// <param name="text">Where to.</param>
    /// <returns>Why it is not read: it is compressed, or a part of something; null where it is read.</returns>
    /// <exception cref="BadHttpRequestException">It is too long, too slow, or in broken chunks.</exception>
    public static async ValueTask<ProtocolError?> ReadBodyAsync(this HttpContext http, TextBuffer text)
    {
        if (Refuse(http) is { } error) return error;
        try
        {
            await CopyAsync(http.Request.BodyReader, text);
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
            // Where the body ends, and the next request begins, is not known.
            http.Response.Headers.Connection = "close";
            throw e as BadHttpRequestException ?? new BadHttpRequestException(e.Message, StatusCodes.Status400BadRequest, e);
        }
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

    private static async ValueTask CopyAsync(PipeReader body, TextBuffer text)
    {
        while (true)
        {
            // Not cancelled with the request: reading fails by itself where the client has gone.
            ReadResult read = await body.ReadAsync(CancellationToken.None);
            foreach (ReadOnlyMemory<byte> piece in read.Buffer) text.Write(piece.Span);
            body.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted) return;
        }
    }
}
