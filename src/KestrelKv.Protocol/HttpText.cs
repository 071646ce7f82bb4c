using System.Text;

namespace KestrelKv.Protocol;

/// <summary>The response to HTTP clients that connect to the wire port.</summary>
public static class HttpText
{
    private static readonly byte[] Answer = Compose(
        "This is the KestrelKv wire port. It does not support HTTP. A request is a frame: an 8-byte header (version 1 and\n" +
        "body length, both int32 little-endian) and a JSON body. HTTP, Swagger UI and metrics are on the admin port, 8080 by default.\n");

    /// <summary>A complete HTTP response that describes the wire port.</summary>
    public static ReadOnlySpan<byte> Response => Answer;

    /// <summary>Whether a frame's header is the start of an HTTP request line.</summary>
    public static bool LooksLikeHttp(ReadOnlySpan<byte> header) =>
        header.StartsWith("GET "u8) || header.StartsWith("POST "u8) || header.StartsWith("PUT "u8) ||
        header.StartsWith("HEAD "u8) || header.StartsWith("DELETE "u8) || header.StartsWith("PATCH "u8) ||
        header.StartsWith("OPTIONS "u8) || header.StartsWith("PRI * HT"u8);

    private static byte[] Compose(string body) => Encoding.ASCII.GetBytes(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n" +
        $"Content-Length: {body.Length}\r\n\r\n{body}");
}
