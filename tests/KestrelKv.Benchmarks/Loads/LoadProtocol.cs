using System.Text;

namespace KestrelKv.Benchmarks.Loads;

/// <summary>How a server is asked, and what it has to answer. All servers get the same requests, each in its protocol.</summary>
internal sealed class LoadProtocol
{
    /// <summary>KestrelKv's: frames with JSON.</summary>
    public static readonly LoadProtocol Frames = new()
    {
        GetRequest = """{"func": "GET", "params": {"obj": "{key}"}}""",
        GetReply = """{"status": "OK", "response": {"func": "GET", "response": {"obj": "{key}", "val": {value}}}}""",
        PutRequest = """{"func": "PUT", "params": {"obj": "{key}", "val": {value}}}""",
        PutReply = """{"status": "OK", "response": {"func": "PUT", "response": {"obj": "{key}", "response": "ok"}}}""",
        Answered = "\"status\": \"OK\"",
        IsFramed = true,
    };

    /// <summary>Redis', version 2: a request is an array of strings, each behind its length.</summary>
    public static readonly LoadProtocol Resp = new()
    {
        GetRequest = "*2\r\n$3\r\nGET\r\n$16\r\n{key}\r\n",
        GetReply = "${length}\r\n{value}\r\n",
        PutRequest = "*3\r\n$3\r\nSET\r\n$16\r\n{key}\r\n${length}\r\n{value}\r\n",
        PutReply = "+OK\r\n",
        Answered = "$",
    };

    /// <summary>memcached's, the one of text.</summary>
    public static readonly LoadProtocol Memcached = new()
    {
        GetRequest = "get {key}\r\n",
        GetReply = "VALUE {key} 0 {length}\r\n{value}\r\nEND\r\n",
        PutRequest = "set {key} 0 0 {length}\r\n{value}\r\n",
        PutReply = "STORED\r\n",
        Answered = "END",
    };

    /// <summary>For the value of a key, as <see cref="MessageShape"/> takes it.</summary>
    public required string GetRequest { get; init; }

    /// <summary>It has a value of the length that all have.</summary>
    public required string GetReply { get; init; }

    /// <summary>To set the value of a key.</summary>
    public required string PutRequest { get; init; }

    public required string PutReply { get; init; }

    /// <summary>What the beginning of the reply to a get has, be the key there or not, and an error has not.</summary>
    public required string Answered { get; init; }

    /// <summary>Whether messages stand in frames.</summary>
    public bool IsFramed { get; init; }

    public MessageShape ShapeOf(string message, int valueBytes) => new(message, valueBytes, IsFramed);

    /// <summary>Whether the beginning of a reply is that to a get, of a key that is there or not, and not an error.</summary>
    public bool IsGetAnswered(ReadOnlySpan<byte> reply) => Encoding.ASCII.GetString(reply).Contains(Answered, StringComparison.Ordinal);
}
