using KestrelKv.Json;
using KestrelKv.Storage.Embedded;
using KestrelKv.Storage.Postgres.Sessions;

namespace KestrelKv.Storage.Postgres;

/// <summary>Options of a store on PostgreSQL.</summary>
public sealed class PostgresStoreOptions
{
    /// <summary>Describes the names for which <see cref="IsSchema"/> is true.</summary>
    public const string ExpectedSchema = "1 to 40 lower-case letters, digits and underscores, not beginning with a digit or pg_";

    /// <summary>
    /// The connection string, in the format of Npgsql. <c>Host</c> may name several hosts, separated by commas, each with an optional
    /// port: <c>Host=a,b:5433,c</c>. The store finds the primary among them, and follows failovers. It sets pooling, timeouts,
    /// preparation and the search path itself. For TLS: <c>SSL Mode=VerifyFull;Root Certificate=ca.pem</c>.
    /// </summary>
    public string ConnectionString { get; init; } = "";

    /// <summary>
    /// The schema of the store's tables; default <c>kestrelkv</c>. 1 to 40 lower-case letters, digits and underscores, not beginning with
    /// a digit or with <c>pg_</c>. All servers of a store use the same schema. The store creates it if it is missing and the role may.
    /// </summary>
    public string Schema { get; init; } = "kestrelkv";

    /// <summary>
    /// Whether the database must have a synchronous standby; default true. The store then refuses to open if the setting
    /// <c>synchronous_standby_names</c> of PostgreSQL is empty: a failover could lose acknowledged writes. False accepts that, for a single
    /// server, or for a service that replicates beneath PostgreSQL. The settings <c>fsync</c> and <c>full_page_writes</c> must be on in
    /// both cases.
    /// </summary>
    public bool SynchronousStandby { get; init; } = true;

    /// <summary>
    /// The maximum number of sessions of this server in the database: 4 to 100; default 16. A session whose trip was abandoned counts until
    /// its connection closes. Up to two more connections to each host observe it, and one more serves a backup.
    /// </summary>
    public int SessionsMax { get; init; } = 16;

    /// <inheritdoc cref="EmbeddedStoreOptions.RequestIdWindow"/>
    internal TimeSpan RequestIdWindow { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// The memory of recent changes for the watches of this server, in bytes: 1 MiB to 16 GiB; default 64 MiB. Older changes are read from
    /// the database.
    /// </summary>
    internal long FeedMemoryBytes { get; set; } = 64 * 1024 * 1024;

    /// <summary>
    /// The time for which the database keeps changes for watches: 1 minute or more; default 1 day. A watch that starts further back ends
    /// with <see cref="WatchStatus.Compacted"/>.
    /// </summary>
    public TimeSpan FeedRetention { get; init; } = TimeSpan.FromDays(1);

    /// <summary>The maximum time to connect to the database: 1 second or more; default 2 seconds.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// The maximum time of each step of a call while the database does not answer: 1 second or more; default 10 seconds. A write has three
    /// steps: the queue, the first trip and the commit. If the time is shorter than a failover, or than the stall after the loss of a
    /// standby, calls fail meanwhile, and the outcomes of interrupted commits are determined.
    /// </summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// The maximum additional time of a write whose outcome is unknown, while the store determines it: 1 second or more; default 60
    /// seconds. After it, the call fails with <see cref="OutcomeUnknownException"/>.
    /// </summary>
    public TimeSpan ResolveTimeout { get; init; } = TimeSpan.FromSeconds(60);

    internal DocumentLimits DocumentLimits { get; private set; } = DocumentLimits.Default;

    /// <summary>Takes over the options that both engines have: request ids, the memory of the feed, and the limits of documents.</summary>
    public void Share(EmbeddedStoreOptions embedded)
    {
        ArgumentNullException.ThrowIfNull(embedded);
        (RequestIdWindow, FeedMemoryBytes, DocumentLimits) = (embedded.RequestIdWindow, embedded.FeedMemoryBytes, embedded.DocumentLimits);
    }

    /// <summary>
    /// The size of the values that one trip of a group loads, in bytes, which one more value may exceed, and of the changes that a group
    /// makes, which one more operation may exceed. The calls that need more are executed in the next trip.
    /// </summary>
    internal long GroupValueBytesMax { get; init; } = 64 * 1024 * 1024;

    /// <summary>
    /// The same for a call that cannot be executed in several trips. An atomic batch that needs more is refused. Another call with writes
    /// ends early.
    /// </summary>
    internal long CallValueBytesMax { get; init; } = PostgresStore.CallBytesMax;

    /// <summary>The steps that create and upgrade the tables.</summary>
    internal IReadOnlyList<string> SchemaSteps { get; init; } = StoreSchema.Steps;

    /// <summary>The options of the embedded engine that evaluates operations.</summary>
    internal EmbeddedStoreOptions ForEvaluation()
    {
        var options = new EmbeddedStoreOptions { RequestIdWindow = RequestIdWindow, RequestIdBytesMax = long.MaxValue };
        options.LimitDocuments(DocumentLimits);
        return options;
    }

    /// <summary>Returns what is wrong with the connection string, without its values, which may be secret; null if nothing is.</summary>
    public string? FindFault()
    {
        try
        {
            HostList.Read(this);
            return null;
        }
        catch (ArgumentException e)
        {
            return e.Message;
        }
    }

    /// <summary>Whether a name can be that of the store's schema.</summary>
    public static bool IsSchema(string name) =>
        name is { Length: > 0 and <= 40 } && !char.IsAsciiDigit(name[0]) && !name.StartsWith("pg_", StringComparison.Ordinal)
        && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '_');

    /// <exception cref="ArgumentException">The schema is invalid.</exception>
    internal void Validate()
    {
        if (!IsSchema(Schema)) throw new ArgumentException($"The schema is \"{Schema}\", expected {ExpectedSchema}.");
    }
}
