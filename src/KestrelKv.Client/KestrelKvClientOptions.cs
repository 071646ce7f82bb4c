using System.Net.Security;
using System.Text.Json;

namespace KestrelKv.Client;

/// <summary>Options of a client. A client copies them when it is created.</summary>
public sealed class KestrelKvClientOptions
{
    /// <summary>The server's name or address. The default is <c>localhost</c>.</summary>
    public string Host { get; set; } = "localhost";

    /// <summary>The server's port, 1 to 65535. Null, the default, for 4444, or 4445 with <see cref="Tls"/>.</summary>
    public int? Port { get; set; }

    /// <summary>The user to authenticate as; null, the default, for none.</summary>
    public string? User { get; set; }

    /// <summary>The secret of <see cref="User"/>.</summary>
    public string? Secret { get; set; }

    /// <summary>
    /// Returns the secret of <see cref="User"/> for a new connection, instead of <see cref="Secret"/>. For secrets that are replaced while the program
    /// runs. It must not block.
    /// </summary>
    public Func<CancellationToken, ValueTask<string>>? SecretProvider { get; set; }

    /// <summary>Whether to use TLS. The default is false.</summary>
    public bool Tls { get; set; }

    /// <summary>
    /// A PEM file with the certificates that may have issued the server's; null, the default, for those that the system trusts.
    /// </summary>
    public string? TlsAuthority { get; set; }

    /// <summary>A PEM file with the client's certificate; null, the default, for none.</summary>
    public string? TlsCertificate { get; set; }

    /// <summary>A PEM file with the key of <see cref="TlsCertificate"/>; null, the default, for the same file.</summary>
    public string? TlsKey { get; set; }

    /// <summary>Changes the TLS settings of a new connection; null, the default, for none.</summary>
    public Action<SslClientAuthenticationOptions>? ConfigureTls { get; set; }

    /// <summary>
    /// Opens the stream of a new connection instead of a TCP socket: for tests, proxies and Unix sockets. The client adds TLS, and disposes of the
    /// stream.
    /// </summary>
    public Func<CancellationToken, ValueTask<Stream>>? ConnectCallback { get; set; }

    /// <summary>The time for a connection attempt with TLS and authentication, at least 10 milliseconds. The default is 5 seconds.</summary>
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// The deadline of a call that sets none, all retries and the wait for a connection included: at most 1 day, as for a call that sets one. The
    /// default is 10 seconds; <see cref="System.Threading.Timeout.InfiniteTimeSpan"/> for no deadline. The client checks deadlines every 50 milliseconds.
    /// </summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// The time after which a connection counts as broken: no byte arrived although replies are due, or the peer's system does not acknowledge data. At
    /// least 100 milliseconds. The default is 5 seconds.
    /// </summary>
    public TimeSpan StallTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>The maximum pause between two connection attempts. Each pause is a random time up to a limit that doubles from 50 milliseconds to this value (full jitter). The default is 5 seconds.</summary>
    public TimeSpan ReconnectDelayMax { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Whether a call fails at once with <see cref="NotSentException"/> if its connection (reads, writes, bulk) is broken, and starts a reconnection.
    /// The first call on each connection waits. The default is false: calls wait for a connection until their deadlines.
    /// </summary>
    public bool FailFast { get; set; }

    /// <summary>What happens to a write whose connection broke before the reply arrived. The default is <see cref="WriteRetry.ExactlyOnce"/>.</summary>
    public WriteRetry Retry { get; set; }

    /// <summary>
    /// The maximum time from the first sending of a write to its last retry, 1 second to 4 minutes. The deadline of the call applies too. The default
    /// is 2 minutes. It must be shorter than the server's <c>Store:RequestIdWindow</c> (5 minutes by default), because later the server no longer
    /// recognizes a retry.
    /// </summary>
    public TimeSpan RetryTime { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>The maximum number of calls that are queued or sent per connection (reads, writes, bulk), 1 to 1,000,000. Further calls wait. The default is 16,384.</summary>
    public int CallsMax { get; set; } = 16_384;

    /// <summary>The number of queued bytes per connection (reads, writes, bulk) at which further calls wait. The default is 64 MiB.</summary>
    public long QueuedBytesMax { get; set; } = 64 * 1024 * 1024;

    /// <summary>The maximum length of a request, in bytes: the server's <c>Limits:FrameBytesMax</c>. The default is 16 MiB.</summary>
    public int RequestBytesMax { get; set; } = 16 * 1024 * 1024;

    /// <summary>The maximum length of a reply, in bytes. The default is 128 MiB, more than the server's default limits allow.</summary>
    public int ReplyBytesMax { get; set; } = 128 * 1024 * 1024;

    /// <summary>The maximum length of a key in UTF-8, in bytes: the server's <c>Limits:KeyBytesMax</c>. The default is 4,096.</summary>
    public int KeyBytesMax { get; set; } = 4_096;

    /// <summary>The interval at which the server reports the progress of a watch without changes, 0.1 seconds to 1 hour. The default is 5 seconds. A watch that receives nothing for three intervals reconnects.</summary>
    public TimeSpan ProgressInterval { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How values are converted to and from JSON by methods without a <see cref="System.Text.Json.Serialization.Metadata.JsonTypeInfo{T}"/>. Null, the
    /// default, for <see cref="JsonSerializerDefaults.Web"/>. A program without reflection (AOT) must set a
    /// <see cref="JsonSerializerOptions.TypeInfoResolver"/>, or pass type information to each call.
    /// </summary>
    public JsonSerializerOptions? Json { get; set; }

    /// <summary>The clock of deadlines and pauses. The default is <see cref="TimeProvider.System"/>.</summary>
    public TimeProvider Time { get; set; } = TimeProvider.System;

    /// <summary>Parses a connection string.</summary>
    /// <param name="connectionString">
    /// Either a URL, <c>kestrelkv://user:secret@host:port?name=value</c> (<c>kestrelkvs://</c> with TLS), or pairs, <c>Host=...;Port=...</c>. The
    /// names are those of the properties of this class, in any case. Times are numbers of seconds or as in <c>00:00:05</c>.
    /// </param>
    /// <exception cref="ArgumentException">The text is invalid. The message names the part, but contains no secret.</exception>
    public static KestrelKvClientOptions Parse(string connectionString)
    {
        var options = new KestrelKvClientOptions();
        options.Apply(connectionString);
        options.Validate();
        return options;
    }

    /// <summary>Sets the options that a connection string names. Others keep their values, so that several sources can complement each other.</summary>
    /// <param name="connectionString">See <see cref="Parse"/>.</param>
    /// <exception cref="ArgumentException">The text is invalid. The message names the part, but contains no secret.</exception>
    public void Apply(string connectionString) => ConnectionString.Apply(connectionString, this);

    /// <summary>Sets an option that has a simple type, given as text, as from a configuration.</summary>
    /// <param name="name">The name of a property of this class, in any case.</param>
    /// <param name="value">The value, as in a connection string.</param>
    /// <exception cref="ArgumentException">There is no such option, or the value is not of its type.</exception>
    public void Set(string name, string value)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentNullException.ThrowIfNull(value);
        ConnectionString.Set(this, name, value);
    }

    /// <summary>Checks all options, as the creation of a client does.</summary>
    /// <exception cref="ArgumentException">An option is invalid. The message names it and the valid range.</exception>
    public void Validate() => OptionsValidator.Validate(this);

    internal KestrelKvClientOptions Copy() => (KestrelKvClientOptions)MemberwiseClone();
}
