using KestrelKv.Json;
using KestrelKv.Storage.Embedded;

namespace KestrelKv.Storage.Postgres;

/// <summary>Options of a store on PostgreSQL.</summary>
public sealed class PostgresStoreOptions
{
    /// <summary>
    /// The connection string of the primary, in the format of Npgsql. The store sets pooling, timeouts, preparation and the search path
    /// itself.
    /// </summary>
    public required string ConnectionString { get; init; }

    /// <summary>
    /// The schema of the store's tables; default <c>kestrelkv</c>. 1 to 40 lower-case letters, digits and underscores, not beginning with
    /// a digit or with <c>pg_</c>. All servers of a store use the same schema. The store creates it if it is missing.
    /// </summary>
    public string Schema { get; init; } = "kestrelkv";

    /// <inheritdoc cref="EmbeddedStoreOptions.RequestIdWindow"/>
    public TimeSpan RequestIdWindow { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// The memory of recent changes for the watches of this server, in bytes: 1 MiB to 16 GiB; default 64 MiB. Older changes are read from
    /// the database.
    /// </summary>
    public long FeedMemoryBytes { get; init; } = 64 * 1024 * 1024;

    /// <summary>
    /// The time for which the database keeps changes for watches: 1 minute or more; default 1 day. A watch that starts further back ends
    /// with <see cref="WatchStatus.Compacted"/>.
    /// </summary>
    public TimeSpan FeedRetention { get; init; } = TimeSpan.FromDays(1);

    /// <summary>The maximum time to connect to the database: 1 second or more; default 2 seconds.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// The maximum time of a call while the database does not answer: 1 second or more; default 10 seconds. It must exceed the time for
    /// which the loss of a standby delays commits; otherwise such a loss gives unknown outcomes.
    /// </summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// The maximum additional time of a write whose outcome is unknown, while the store determines it: 1 second or more; default 60
    /// seconds. After it, the call fails with <see cref="OutcomeUnknownException"/>.
    /// </summary>
    public TimeSpan ResolveTimeout { get; init; } = TimeSpan.FromSeconds(60);

    internal DocumentLimits DocumentLimits { get; private set; } = DocumentLimits.Default;

    /// <summary>
    /// The size of the values that one trip of a group loads, in bytes, which one more value may exceed. The calls that need more are
    /// executed in the next trip.
    /// </summary>
    internal long GroupValueBytesMax { get; init; } = 64 * 1024 * 1024;

    /// <summary>
    /// The same for a call that cannot be executed in several trips: a write or an atomic batch. A call that needs more fails.
    /// </summary>
    internal long CallValueBytesMax { get; init; } = PostgresStore.CallBytesMax;

    /// <inheritdoc cref="EmbeddedStoreOptions.LimitDocuments"/>
    public void LimitDocuments(DocumentLimits limits) => DocumentLimits = limits;

    /// <summary>The steps that create and upgrade the tables.</summary>
    internal IReadOnlyList<string> SchemaSteps { get; init; } = StoreSchema.Steps;

    /// <summary>The options of the embedded engine that evaluates operations.</summary>
    internal EmbeddedStoreOptions ForEvaluation()
    {
        var options = new EmbeddedStoreOptions { RequestIdWindow = RequestIdWindow, RequestIdBytesMax = long.MaxValue };
        options.LimitDocuments(DocumentLimits);
        return options;
    }

    internal void Validate()
    {
        bool isName = Schema is { Length: > 0 and <= 40 } && !char.IsAsciiDigit(Schema[0])
            && !Schema.StartsWith("pg_", StringComparison.Ordinal)
            && Schema.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '_');
        if (!isName)
        {
            throw new ArgumentException(
                $"The schema is \"{Schema}\", expected 1 to 40 lower-case letters, digits and underscores, not beginning with a digit or " +
                "with pg_.");
        }
        ArgumentOutOfRangeException.ThrowIfLessThan(RequestIdWindow, TimeSpan.FromSeconds(1));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(RequestIdWindow, TimeSpan.FromDays(7));
        ArgumentOutOfRangeException.ThrowIfLessThan(FeedMemoryBytes, EmbeddedStoreOptions.FeedMemoryBytesMin);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(FeedMemoryBytes, EmbeddedStoreOptions.FeedMemoryBytesMax);
        ArgumentOutOfRangeException.ThrowIfLessThan(FeedRetention, TimeSpan.FromMinutes(1));
        ArgumentOutOfRangeException.ThrowIfLessThan(ConnectTimeout, TimeSpan.FromSeconds(1));
        ArgumentOutOfRangeException.ThrowIfLessThan(RequestTimeout, TimeSpan.FromSeconds(1));
        ArgumentOutOfRangeException.ThrowIfLessThan(ResolveTimeout, TimeSpan.FromSeconds(1));
    }
}
