using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Admin;

internal sealed record RawResponse(int Status, IReadOnlyDictionary<string, string> Headers, byte[] Body)
{
    public string Text => Encoding.UTF8.GetString(Body);

    public string? ETag => Headers.GetValueOrDefault("ETag");

    /// <summary>
    /// Asserts that this is an RFC 9457 problem with the given status and code, and with a detail that contains the given text. Returns
    /// its members.
    /// </summary>
    public JsonElement AssertProblem(int status, string? code = null, string detail = "")
    {
        Assert.Equal(status, Status);
        Assert.StartsWith("application/problem+json", Headers.GetValueOrDefault("Content-Type"), StringComparison.Ordinal);
        JsonDocument problem = JsonDocument.Parse(Body);
        Assert.Equal(status, problem.RootElement.GetProperty("status").GetInt32());
        Assert.NotEqual("", problem.RootElement.GetProperty("title").GetString());
        string? actual = problem.RootElement.GetProperty("code").GetString();
        Assert.Equal(code ?? actual, actual);
        if (detail != "") Assert.Contains(detail, problem.RootElement.GetProperty("detail").GetString(), StringComparison.Ordinal);
        return problem.RootElement;
    }
}

/// <summary>Sends requests with their targets and headers unchanged, unlike HTTP libraries.</summary>
internal static class RawHttp
{
    /// <summary>
    /// Sends a request on its own connection. Characters of ISO 8859-1 in the target are sent as single bytes. The Content-Length of the
    /// body is added unless a header has it.
    /// </summary>
    public static async Task<RawResponse> SendAsync(
        Uri server, string method, string target, IEnumerable<string>? headers = null, byte[]? body = null)
    {
        using var patience = new CancellationTokenSource(Wait.Patience);
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Parse(server.Host), server.Port, patience.Token);
        using var stream = new NetworkStream(socket);

        List<string> lines = [$"{method} {target} HTTP/1.1", $"Host: {server.Authority}", "Connection: close", .. headers ?? []];
        if (body is not null && !lines.Any(line => line.StartsWith("Content-Length:", StringComparison.Ordinal)))
            lines.Add(string.Create(CultureInfo.InvariantCulture, $"Content-Length: {body.Length}"));
        await stream.WriteAsync(Encoding.Latin1.GetBytes(string.Join("\r\n", lines) + "\r\n\r\n"), patience.Token);
        if (body is not null) await stream.WriteAsync(body, patience.Token);

        using var all = new MemoryStream();
        await stream.CopyToAsync(all, patience.Token);
        return Parse(all.ToArray());
    }

    public static Task<RawResponse> CallAsync(
        this ServerProcess server, string method, string target, string? body = null, params string[] headers) =>
        SendAsync(server.Admin, method, target, headers, body is null ? null : Encoding.UTF8.GetBytes(body));

    private static RawResponse Parse(byte[] response)
    {
        int end = response.AsSpan().IndexOf("\r\n\r\n"u8);
        Assert.True(end >= 0, "no HTTP response: " + Encoding.Latin1.GetString(response));
        string[] lines = Encoding.Latin1.GetString(response, 0, end).Split("\r\n");
        var headers = lines.Skip(1).Select(line => line.Split(": ", 2))
            .ToDictionary(header => header[0], header => header[1], StringComparer.OrdinalIgnoreCase);
        byte[] body = response[(end + 4)..];
        if (headers.GetValueOrDefault("Transfer-Encoding") == "chunked" && body.Length > 0) body = Unchunk(body);
        int status = int.Parse(lines[0].Split(' ')[1], CultureInfo.InvariantCulture);
        if (status >= 400) Canary.AssertAbsent(Encoding.UTF8.GetString(body), "an HTTP error");
        return new(status, headers, body);
    }

    private static byte[] Unchunk(ReadOnlySpan<byte> chunked)
    {
        List<byte> body = [];
        while (true)
        {
            int line = chunked.IndexOf("\r\n"u8);
            int length = int.Parse(Encoding.ASCII.GetString(chunked[..line]), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            if (length == 0) return [.. body];
            body.AddRange(chunked.Slice(line + 2, length));
            chunked = chunked[(line + 2 + length + 2)..];
        }
    }
}
