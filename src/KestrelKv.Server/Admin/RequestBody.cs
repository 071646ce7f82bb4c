using Microsoft.AspNetCore.Connections;
using BadHttpRequestException = Microsoft.AspNetCore.Http.BadHttpRequestException;

namespace KestrelKv.Server.Admin;

/// <summary>The whole body of a request.</summary>
internal static class RequestBody
{
    public static async Task<byte[]> ReadBodyAsync(this HttpContext http)
    {
        // No room is made ahead for a length that is only told: one too long is refused at the first read.
        using var body = new MemoryStream();
        try
        {
            // Not cancelled with the request: reading fails by itself where the client has gone.
            await http.Request.Body.CopyToAsync(body, CancellationToken.None);
            return body.ToArray();
        }
        catch (Exception e) when (e is ConnectionResetException or BadHttpRequestException { StatusCode: StatusCodes.Status400BadRequest })
        {
            // The client went in the middle of the body. Kestrel would try to read the rest, and log that it can't.
            http.Abort();
            throw;
        }
    }
}
