using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using KestrelKv.Testing;

namespace KestrelKv.Client.Tests.Connections;

/// <summary>The server's end of a connection.</summary>
internal sealed class ScriptedConnection(ScriptedStream stream)
{
    public const string Pong = """{"status": "OK", "response": {"func": "PING", "response": {"response": "pong"}}}""";

    private readonly List<byte> _received = [];

    /// <summary>Returns the body of the next request; null if the connection has ended.</summary>
    public async Task<string?> TryReadAsync()
    {
        while (_received.Count < 8 || _received.Count < 8 + Length())
        {
            if (!await stream.FromClient.WaitToReadAsync().AsTask().WaitAsync(Wait.Patience)) return null;
            while (stream.FromClient.TryRead(out byte[]? bytes)) _received.AddRange(bytes);
        }
        int length = Length();
        string body = Encoding.UTF8.GetString([.. _received[8..(8 + length)]]);
        _received.RemoveRange(0, 8 + length);
        return body;

        int Length() => BinaryPrimitives.ReadInt32LittleEndian([.. _received[4..8]]);
    }

    public async Task<string> ReadAsync()
    {
        string? body = await TryReadAsync();
        Assert.True(body is not null, "The client closed the connection.");
        return body;
    }

    public async Task<string[]> ReadManyAsync(int count)
    {
        string[] bodies = new string[count];
        for (int i = 0; i < count; i++) bodies[i] = await ReadAsync();
        return bodies;
    }

    public async Task GreetAsync()
    {
        Assert.Equal("""{"func": "PING", "params": {}}""", await ReadAsync());
        Reply(Pong);
    }

    /// <summary>Returns once the client has closed the connection. It sends no further request.</summary>
    public async Task AwaitEndAsync() => Assert.Null(await TryReadAsync());

    public void Reply(string body) => Send(Frames.Of(body));

    /// <summary>Sends bytes, which the client receives with one read.</summary>
    public void Send(byte[] bytes) => stream.ToClient.TryWrite(bytes);

    public void HoldWrites() => stream.HoldWrites();

    public void Break() => stream.Break();

    /// <summary>Ends the connection in order: the client reads what was sent, then the end.</summary>
    public void Close() => stream.ToClient.TryComplete();

    /// <summary>Returns the reply to a GET: the value is JSON text.</summary>
    public static string Found(string value, long version = 1) =>
        $$$$"""{"status": "OK", "response": {"func": "GET", "response": {"obj": "k", "val": {{{{value}}}}, "found": true, "version": {{{{version}}}}, "expires_at": null}}}""";

    /// <summary>Returns the reply to a PUT.</summary>
    public static string Written(long version = 1) =>
        $$$$"""{"status": "OK", "response": {"func": "PUT", "response": {"obj": "k", "response": "ok", "found": false, "version": {{{{version}}}}, "expires_at": null}}}""";

    public static string Error(string code, string members = "") =>
        $$$"""{"status": "ERROR", "error": {"code": "{{{code}}}", "message": "A message."{{{members}}}}}""";

    /// <summary>Returns the key in a request.</summary>
    public static string KeyOf(string request)
    {
        using JsonDocument document = JsonDocument.Parse(request);
        return document.RootElement.GetProperty("params").GetProperty("obj").GetString()!;
    }
}
