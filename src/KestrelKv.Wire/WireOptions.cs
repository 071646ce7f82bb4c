using KestrelKv.Wire.Security;

namespace KestrelKv.Wire;

/// <summary>The settings of the wire port.</summary>
public sealed class WireOptions
{
    /// <summary>The minimum of <see cref="ReplyBytesTotalMax"/> and <see cref="RequestBytesTotalMax"/>: 16 MiB.</summary>
    public const long BytesTotalMaxMin = 16 * 1024 * 1024;

    /// <summary>
    /// The address to listen on: <c>*</c> for all addresses, <c>localhost</c>, or an IP address. The default is <c>*</c>, because clients
    /// connect to the machine's own host name. <see cref="ProtectedMode"/> refuses other machines.
    /// </summary>
    public string Address { get; set; } = "*";

    /// <summary>The TCP port, 0 to 65,535. With 0 the system chooses a port, which is logged. The default is 4,444.</summary>
    public int Port { get; set; } = 4_444;

    /// <summary>Whether <see cref="Port"/> is open. The default is true. With false, only <see cref="TlsPort"/> is.</summary>
    public bool Plaintext { get; set; } = true;

    /// <summary>
    /// The TCP port of the wire protocol over TLS, 0 to 65,535, open if <see cref="Tls"/> has a certificate. With 0 the system chooses a
    /// port, which is logged. The default is 4,445.
    /// </summary>
    public int TlsPort { get; set; } = 4_445;

    /// <summary>The settings of TLS.</summary>
    public TlsOptions Tls { get; set; } = new();

    /// <summary>
    /// Whether clients on other machines are refused. The default is true. With false, every client that can reach the port can read and
    /// write everything.
    /// </summary>
    public bool ProtectedMode { get; set; } = true;

    /// <summary>
    /// The maximum number of open connections, 1 to 1,000,000. The default is 20,000. Further connections fail with
    /// <c>too_many_connections</c>. Each connection needs a file descriptor, so the limit is lowered if the process may not open as many
    /// files.
    /// </summary>
    public int ConnectionsMax { get; set; } = 20_000;

    /// <summary>
    /// How long a connection may receive no byte before it fails with <c>idle_timeout</c>: 1 second to 30 days, or 0 for no limit. The
    /// default is 0.
    /// </summary>
    public TimeSpan IdleTimeout { get; set; }

    /// <summary>
    /// The time in which a client must read the next 256 KiB of its replies, or the last bytes if fewer: 1 second to 1 hour. The
    /// default is 30 seconds. A slower client is disconnected, however long the reply is. This time also limits how long a request
    /// waits for <see cref="ReplyBytesTotalMax"/> or <see cref="RequestBytesTotalMax"/>, and how long an event stream over HTTP may
    /// stay unread.
    /// </summary>
    public TimeSpan WriteTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long a client may take to authenticate if the server has users: 1 second to 1 hour. The default is 10 seconds. A slower client
    /// fails with <c>auth_timeout</c>.
    /// </summary>
    public TimeSpan AuthTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// The maximum number of connections whose clients have not authenticated, 1 to 1,000,000. The default is 1,000. For each further one,
    /// the oldest of them is closed. Applies only if the server has users. Always also the maximum number of TLS handshakes in progress.
    /// </summary>
    public int UnauthenticatedMax { get; set; } = 1_000;

    /// <summary>
    /// The maximum number of requests per batch, 1 to 4,096. The default is 256. It limits the memory of a batch, not the number of
    /// pipelined requests.
    /// </summary>
    public int BatchRequestsMax { get; set; } = 256;

    /// <summary>
    /// The number of reply bytes after which a client must read before more requests are executed, 4,096 to 16,777,216. The default is
    /// 262,144 (256 KiB). One connection holds at most this much and one more reply.
    /// </summary>
    public int ReplyBytesMax { get; set; } = 256 * 1024;

    /// <summary>
    /// The maximum number of unread reply bytes of all connections together, 16,777,216 (16 MiB) or more. The default is 1,073,741,824
    /// (1 GiB). Replies of up to 64 KiB per connection count only while their client leaves them unread, and are sent even without free
    /// space. A request whose reply may be larger waits, and fails with <c>replies_full</c> after <see cref="WriteTimeout"/>.
    /// </summary>
    public long ReplyBytesTotalMax { get; set; } = 1L << 30;

    /// <summary>
    /// The maximum number of bytes of incomplete requests of all connections together, 16,777,216 (16 MiB) or more. The default is
    /// 1,073,741,824 (1 GiB). Requests of up to 64 KiB do not count. A larger one counts with its whole length from its header on. Without
    /// free space the server stops reading it. After <see cref="WriteTimeout"/> the connection fails with <c>requests_full</c>.
    /// </summary>
    public long RequestBytesTotalMax { get; set; } = 1L << 30;

    /// <summary>
    /// The maximum number of open watches per connection, 1 to 10,000. The default is 100. Further watches fail with
    /// <c>too_many_watches</c>. Each watch sends up to 64 KiB of changes in its turn.
    /// </summary>
    public int WatchesMax { get; set; } = 100;
}
