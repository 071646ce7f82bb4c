namespace KestrelKv.Wire;

/// <summary>How the wire port is served.</summary>
public sealed class WireOptions
{
    /// <summary>The least that <see cref="ReplyBytesTotalMax"/> and <see cref="RequestBytesTotalMax"/> may be: 16 MiB.</summary>
    public const long BytesTotalMaxMin = 16 * 1024 * 1024;

    /// <summary>
    /// The address to listen on: <c>*</c> for all, <c>localhost</c>, or an IP address. Default <c>*</c>, as clients
    /// dial the machine's own host name; <see cref="ProtectedMode"/> keeps other machines out.
    /// </summary>
    public string Address { get; set; } = "*";

    /// <summary>The TCP port, 0 to 65,535; 0 lets the system choose one, which the log then shows. Default 4,444.</summary>
    public int Port { get; set; } = 4_444;

    /// <summary>
    /// Whether peers that are not this machine itself are turned away. Default true. With false, everybody who can
    /// reach the port can read and write everything.
    /// </summary>
    public bool ProtectedMode { get; set; } = true;

    /// <summary>
    /// How many connections are served at a time, 1 to 1,000,000; one more is answered
    /// <c>too_many_connections</c> and closed. Default 20,000. Each needs a file descriptor of the process:
    /// the number is lowered if the process may not open so many files.
    /// </summary>
    public int ConnectionsMax { get; set; } = 20_000;

    /// <summary>
    /// How long a connection may bring no byte before it is answered <c>idle_timeout</c> and closed: 1 second to
    /// 30 days, or 0 for no limit. Default 0.
    /// </summary>
    public TimeSpan IdleTimeout { get; set; }

    /// <summary>
    /// The longest time in which a client must take the next 256 KiB of its replies, or the rest if that is less: 1 second to
    /// 1 hour. Default 30 seconds. A slower client is disconnected, however long the reply is. The same time bounds how long a
    /// request waits for <see cref="ReplyBytesTotalMax"/> or <see cref="RequestBytesTotalMax"/>, and how long a stream of events
    /// over HTTP may stay unread.
    /// </summary>
    public TimeSpan WriteTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How many requests are executed as one batch, 1 to 4,096. Default 256. It bounds the memory of a batch, not
    /// what a client may pipeline.
    /// </summary>
    public int BatchRequestsMax { get; set; } = 256;

    /// <summary>
    /// How many bytes of replies are gathered before the client has to read some, 4,096 to 16,777,216. Default
    /// 262,144 (256 KiB). A connection can make the server hold that much and one reply more.
    /// </summary>
    public int ReplyBytesMax { get; set; } = 256 * 1024;

    /// <summary>
    /// How many bytes of replies that their clients have not read yet the server holds for all connections together, 16,777,216
    /// (16 MiB) or more. Default 1,073,741,824 (1 GiB). Replies of up to 64 KiB a connection do not count until their client
    /// leaves them unread, and are sent even when nothing is left. A request whose reply may be larger waits then; after
    /// <see cref="WriteTimeout"/> it is answered <c>replies_full</c>.
    /// </summary>
    public long ReplyBytesTotalMax { get; set; } = 1L << 30;

    /// <summary>
    /// How many bytes of requests that have not arrived whole the server holds for all connections together, 16,777,216 (16 MiB)
    /// or more. Default 1,073,741,824 (1 GiB). Requests of up to 64 KiB do not count. A larger one counts with its whole length
    /// from the first byte on. If that is not left, the server reads no more of it until it is; after
    /// <see cref="WriteTimeout"/> the connection is answered <c>requests_full</c> and closed.
    /// </summary>
    public long RequestBytesTotalMax { get; set; } = 1L << 30;

    /// <summary>
    /// How many watches a connection may have open, 1 to 10,000; one more is answered <c>too_many_watches</c>. Default
    /// 100. Each sends up to 64 KiB of changes in its turn.
    /// </summary>
    public int WatchesMax { get; set; } = 100;
}
