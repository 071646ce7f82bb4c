using System.Text;

namespace KestrelKv.Benchmarks.Loads;

/// <summary>The messages of a server's protocol. All servers receive the same requests, each in its own protocol.</summary>
internal sealed class LoadProtocol
{
    /// <summary>KestrelKv's protocol: frames with JSON.</summary>
    public static readonly LoadProtocol Frames = new()
    {
        GetRequest = """{"func": "GET", "params": {"obj": "{key}"}}""",
        GetReply = """{"status": "OK", "response": {"func": "GET", "response": {"obj": "{key}", "val": {value}}}}""",
        PutRequest = """{"func": "PUT", "params": {"obj": "{key}", "val": {value}}}""",
        PutReply = """{"status": "OK", "response": {"func": "PUT", "response": {"obj": "{key}", "response": "ok"}}}""",
        Answered = "\"status\": \"OK\"",
        IsFramed = true,
    };

    /// <summary>Redis' protocol, RESP2: a request is an array of strings with length prefixes.</summary>
    public static readonly LoadProtocol Resp = new()
    {
        GetRequest = "*2\r\n$3\r\nGET\r\n$16\r\n{key}\r\n",
        GetReply = "${length}\r\n{value}\r\n",
        PutRequest = "*3\r\n$3\r\nSET\r\n$16\r\n{key}\r\n${length}\r\n{value}\r\n",
        PutReply = "+OK\r\n",
        Answered = "$",
    };

    /// <summary>memcached's text protocol.</summary>
    public static readonly LoadProtocol Memcached = new()
    {
        GetRequest = "get {key}\r\n",
        GetReply = "VALUE {key} 0 {length}\r\n{value}\r\nEND\r\n",
        PutRequest = "set {key} 0 0 {length}\r\n{value}\r\n",
        PutReply = "STORED\r\n",
        Answered = "END",
    };

    /// <summary>The request that reads a value, with the marks of <see cref="MessageShape"/>.</summary>
    public required string GetRequest { get; init; }

    /// <summary>The reply to a GET that found a value.</summary>
    public required string GetReply { get; init; }

    public required string PutRequest { get; init; }

    public required string PutReply { get; init; }

    /// <summary>
    /// Text at the beginning of a successful reply to a GET, whether or not the key exists, which errors do not contain.
    /// </summary>
    public required string Answered { get; init; }

    /// <summary>Whether messages have a <see cref="FrameHeader"/>.</summary>
    public bool IsFramed { get; init; }

    public MessageShape ShapeOf(string message, int valueBytes) => new(message, valueBytes, IsFramed);

    /// <summary>Whether the beginning of a reply is that of a successful GET, whether or not the key exists.</summary>
    public bool IsGetAnswered(ReadOnlySpan<byte> reply) => Encoding.ASCII.GetString(reply).Contains(Answered, StringComparison.Ordinal);
}
