using System.Globalization;
using KestrelKv.Storage.Postgres.Sessions;

namespace KestrelKv.Storage.Postgres;

/// <summary>The tables of a store.</summary>
/// <remarks>
/// <list type="bullet">
/// <item><c>meta</c>: one row with the version of the tables, and the oldest version whose changes are kept.</item>
/// <item><c>entries</c>: the current entries, and the idempotency records under the internal keys of the embedded engine.</item>
/// <item><c>changes</c>: the changes of each commit, as the records of a log record of the embedded engine. A commit without changes of
/// client keys has no row. Rows before <c>meta.oldest_version</c> are deleted.</item>
/// <item><c>commits</c>: a row for each write group, with the range of its versions, the totals after it, and the clock.</item>
/// <item><c>claims</c>: the outcome of a write group. The primary key ensures that a group has one outcome.</item>
/// </list>
/// </remarks>
internal static class StoreSchema
{
    /// <summary>Selects the oldest version whose changes are kept.</summary>
    public const string OldestVersion = "SELECT oldest_version FROM meta";

    /// <summary>Large values are not compressed: the processor time would be spent under the lock.</summary>
    private const string Create =
        """
        CREATE TABLE meta (schema_version int NOT NULL, oldest_version bigint NOT NULL);
        INSERT INTO meta VALUES (0, 1);
        CREATE TABLE entries (
            key bytea PRIMARY KEY, value bytea NOT NULL, version bigint NOT NULL, expires_at bigint NOT NULL) WITH (fillfactor = 80);
        ALTER TABLE entries ALTER value SET STORAGE EXTERNAL;
        CREATE INDEX entries_expires_at ON entries (expires_at) WHERE expires_at > 0;
        CREATE TABLE changes (version bigint PRIMARY KEY, records bytea NOT NULL);
        ALTER TABLE changes ALTER records SET STORAGE EXTERNAL;
        CREATE TABLE commits (
            last_version bigint PRIMARY KEY, first_version bigint NOT NULL, door uuid NOT NULL, seq bigint NOT NULL, id uuid NOT NULL,
            keys bigint NOT NULL, bytes bigint NOT NULL, request_ids bigint NOT NULL, clock bigint NOT NULL);
        CREATE TABLE claims (
            door uuid NOT NULL, seq bigint NOT NULL, committed boolean NOT NULL, clock bigint NOT NULL, PRIMARY KEY (door, seq));
        """;

    /// <summary>
    /// The steps that upgrade the tables: the first one from version 0, an empty schema, to version 1. Servers of the preceding version
    /// may still run after a step, so it must leave the columns that they use.
    /// </summary>
    public static IReadOnlyList<string> Steps { get; } = [Create];

    /// <summary>The maximum time of an upgrade, which may rewrite tables, without the wait for the lock.</summary>
    public static readonly TimeSpan UpgradeTimeout = TimeSpan.FromMinutes(10);

    /// <summary>Creates or upgrades the tables if necessary. Runs under the writer lock, in one transaction.</summary>
    /// <returns>The oldest version whose changes are kept.</returns>
    /// <exception cref="UnsuitableDatabaseException">The tables have a newer version.</exception>
    /// <exception cref="TimeoutException">The database does not answer in time.</exception>
    public static async Task<long> UpgradeAsync(Session session, PostgresStoreOptions options)
    {
        await session.WithinAsync(BeginAsync(session), options.RequestTimeout);
        return await UpgradeAsync(session, options.Schema, options.SchemaSteps);
    }

    private static async Task<bool> BeginAsync(Session session)
    {
        await session.ExecuteAsync(Trip.Begin);
        await session.LockAsync();
        return true;
    }

    private static async Task<long> UpgradeAsync(Session session, string schema, IReadOnlyList<string> steps)
    {
        // A role may own the schema and lack the right to create one.
        if (await session.ScalarAsync($"SELECT to_regnamespace('\"{schema}\"') IS NULL") is true)
            await session.ExecuteAsync($"CREATE SCHEMA \"{schema}\"");
        bool isEmpty = await session.ScalarAsync($"SELECT to_regclass('\"{schema}\".meta') IS NULL") is true;
        int version = isEmpty ? 0 : (int)(await session.ScalarAsync("SELECT schema_version FROM meta"))!;
        if (version > steps.Count)
        {
            throw new UnsuitableDatabaseException(
                $"The tables in schema {schema} have version {version}, expected at most {steps.Count}: a newer KestrelKv has upgraded " +
                "them.");
        }
        for (; version < steps.Count; version++)
        {
            foreach (string statement in steps[version].Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
                await session.ExecuteAsync(statement);
            await session.ExecuteAsync(string.Create(CultureInfo.InvariantCulture, $"UPDATE meta SET schema_version = {version + 1}"));
        }
        long oldest = (long)(await session.ScalarAsync(OldestVersion))!;
        await session.ExecuteAsync("COMMIT");
        return oldest;
    }
}
