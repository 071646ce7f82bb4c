using KestrelKv.Storage.Postgres.Backups;
using KestrelKv.Storage.Postgres.Feed;
using KestrelKv.Storage.Postgres.Reading;
using KestrelKv.Storage.Postgres.Writing;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Postgres.Tests;

/// <summary>The plans of the statements, and other behavior of PostgreSQL that the store depends on.</summary>
[Collection(SharedServer.Name)]
public sealed class PlanTests(PostgresServer server) : IClassFixture<PlanTests.LargeStore>
{
    public static TheoryData<string, string, string> Statements() => new()
    {
        { GroupRows.WithSmallValues, "bytea[], bigint", "'{}', 1" },
        { GroupRows.WithValues, "bytea[], bigint, bigint, bigint", "'{}', 1, 1, 1" },
        { GroupRows.WithLengths, "bytea[]", "'{}'" },
        { GroupRows.Expired, "bigint, bigint", "1, 1000" },
        { GroupCommit.Put, "bytea[], bytea[], bigint[], bigint[]", "'{}', '{}', '{}', '{}'" },
        { GroupCommit.Update, "bytea[], bigint[], bigint[]", "'{}', '{}', '{}'" },
        { GroupCommit.Delete, "bytea[]", "'{}'" },
        { Listing.Ascending, "bytea, bytea, bigint, bigint, bigint", "'1', '2', 0, 1000, 100" },
        { Listing.Descending, "bytea, bytea, bigint, bigint, bigint", "'1', '2', 0, 1000, 100" },
        { BackupWriter.Page, "bytea, bigint, bigint", "'1', 1000, 100" },
        { ChangeRows.Select, "bigint, bigint, bigint, bigint", "100, 200000, 1000, 100" },
        { CommitRow.Newest, "", "" },
        { Sweeper.FirstExpiry, "", "" },
        { Sweeper.Cleanable, "bigint, bigint", "1000, 100" },
    };

    [Theory]
    [MemberData(nameof(Statements))]
    public async Task Statement_GenericPlanOfALargeStore_ScansNoTable(string statement, string types, string values)
    {
        string plan = (string)(await server.QueryAsync(
            $"""
            SET plan_cache_mode = force_generic_plan;
            PREPARE statement{(types.Length > 0 ? $" ({types})" : "")} AS {statement};
            EXPLAIN (FORMAT JSON) EXECUTE statement{(values.Length > 0 ? $" ({values})" : "")}
            """,
            LargeStore.Schema))!;
        Assert.DoesNotContain("Seq Scan", plan, StringComparison.Ordinal);
        Assert.Contains(statement == GroupCommit.Put ? "\"Conflict Arbiter Indexes\"" : "Index", plan, StringComparison.Ordinal);
    }

    /// <summary>This is why the lock of a write group is a statement of its own.</summary>
    [Fact]
    public async Task Lock_AndReadInOneStatement_MissTheCommitBefore()
    {
        string schema = PostgresServer.NewSchema();
        await server.QueryAsync($"CREATE SCHEMA {schema}; CREATE TABLE {schema}.numbers (n int)");
        Task<object?> together, apart;
        await using (await server.LockAsync(schema))
        {
            string acquire = $"SELECT pg_advisory_xact_lock(hashtextextended('kestrelkv:{schema}', 0))";
            together = server.QueryAsync(
                $"WITH lock AS MATERIALIZED ({acquire}) SELECT count(numbers.n) FROM lock LEFT JOIN numbers ON true", schema);
            apart = server.QueryAsync($"DO $$ BEGIN PERFORM ({acquire}); END $$; SELECT count(n) FROM numbers", schema);
            await Wait.UntilAsync(
                async () => await server.QueryAsync("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory'") is 2L,
                () => "the statements do not wait for the lock");
            await server.QueryAsync("INSERT INTO numbers VALUES (1)", schema);
        }
        Assert.Equal(0L, await together);
        Assert.Equal(1L, await apart);
    }

    /// <summary>A store with 200,000 entries, changes and commits.</summary>
    public sealed class LargeStore(PostgresServer server) : IAsyncLifetime
    {
        public const string Schema = "large";

        public async Task InitializeAsync()
        {
            await using (await Calls.OpenAsync(server, Schema))
            {
            }
            await server.QueryAsync(
                """
                INSERT INTO entries SELECT convert_to(n::text, 'UTF8'), '1', n, 0 FROM generate_series(1, 200000) n;
                INSERT INTO changes SELECT n, '1' FROM generate_series(1, 200000) n;
                INSERT INTO commits SELECT n, n, gen_random_uuid(), n, gen_random_uuid(), 1, 1, 0, 0 FROM generate_series(1, 200000) n;
                ANALYZE entries; ANALYZE changes; ANALYZE commits
                """,
                Schema);
        }

        public Task DisposeAsync() => server.QueryAsync($"DROP SCHEMA {Schema} CASCADE");
    }
}
