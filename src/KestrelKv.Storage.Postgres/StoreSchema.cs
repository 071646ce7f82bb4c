using KestrelKv.Storage.Postgres.Sessions;

namespace KestrelKv.Storage.Postgres;

/// <summary>The tables of a store.</summary>
/// <remarks>
/// <list type="bullet">
/// <item><c>entries</c>: the current entries, and the idempotency records under the internal keys of the embedded engine.</item>
/// <item><c>changes</c>: the changes of each commit, as the records of a log record of the embedded engine. A commit without changes of
/// client keys has no row. Rows before <c>meta.oldest_version</c> are deleted.</item>
/// <item><c>commits</c>: a row for each write group, with the range of its versions, the totals after it, and the clock.</item>
/// <item><c>claims</c>: the outcome of a write group. The primary key ensures that a group has one outcome.</item>
/// </list>
/// </remarks>
internal static class StoreSchema
{
    /// <summary>The version of these tables.</summary>
    private const int Version = 1;

    /// <summary>Large values are not compressed: the processor time would be spent under the lock.</summary>
    private const string Tables =
        """
        CREATE TABLE meta (schema_version int NOT NULL, oldest_version bigint NOT NULL);
        INSERT INTO meta VALUES (1, 1);
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

    /// <summary>Creates the tables if they do not exist.</summary>
    /// <exception cref="UnsuitableDatabaseException">The tables have another version.</exception>
    public static async Task CreateAsync(Session session, string schema)
    {
        await session.ExecuteAsync("BEGIN");
        await session.LockAsync();
        await session.ExecuteAsync($"CREATE SCHEMA IF NOT EXISTS {schema}");
        if (await session.ScalarAsync($"SELECT to_regclass('{schema}.meta') IS NULL") is true)
        {
            foreach (string statement in Tables.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
                await session.ExecuteAsync(statement);
        }
        int version = (int)(await session.ScalarAsync("SELECT schema_version FROM meta"))!;
        if (version != Version)
        {
            throw new UnsuitableDatabaseException(
                $"The tables in schema {schema} have version {version}, expected {Version}: another version of KestrelKv created them.");
        }
        await session.ExecuteAsync("COMMIT");
    }
}
