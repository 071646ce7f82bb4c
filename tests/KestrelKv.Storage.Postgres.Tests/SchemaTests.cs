using KestrelKv.Testing;
using Npgsql;

namespace KestrelKv.Storage.Postgres.Tests;

/// <summary>The creation and the upgrade of the tables.</summary>
[Collection(SharedServer.Name)]
public sealed class SchemaTests(PostgresServer server)
{
    private const string Extra = "ALTER TABLE meta ADD note text; UPDATE meta SET note = 'upgraded'";

    private readonly string _schema = PostgresServer.NewSchema();

    /// <summary>The default isolation level of a role must not move the snapshot before the wait for the lock.</summary>
    [Theory]
    [InlineData("repeatable read")]
    [InlineData("serializable")]
    public async Task OpenAsync_ManyAtOnceWithAnIsolationLevel_Open(string level)
    {
        string role = $"isolated_{level.Replace(' ', '_')}";
        await server.QueryAsync(
            $"CREATE ROLE {role} LOGIN; GRANT CREATE ON DATABASE postgres TO {role}; ALTER ROLE {role} SET default_transaction_isolation = '{level}'");
        for (int i = 0; i < 5; i++)
        {
            string schema = PostgresServer.NewSchema();
            PostgresStore[] stores = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ =>
                Calls.OpenAsync(server.ConnectionString.Replace("Username=postgres", $"Username={role}", StringComparison.Ordinal), schema)));
            for (int j = 0; j < stores.Length; j++) Assert.Equal(j + 1, (await stores[j].IncrementAsync("a")).Version);
            foreach (PostgresStore store in stores) await store.DisposeAsync();
        }
    }

    [Fact]
    public async Task OpenAsync_EarlierVersion_IsUpgradedOnce()
    {
        await using (PostgresStore store = await OpenAsync()) await store.PutAsync("a", "1");

        // A second execution of the step would fail.
        for (int i = 0; i < 2; i++)
        {
            await using PostgresStore upgraded = await OpenAsync(Extra);
            Assert.Equal("1", (await upgraded.GetAsync("a")).Value);
        }
        Assert.Equal("2 upgraded", await server.QueryAsync("SELECT concat_ws(' ', schema_version, note) FROM meta", _schema));
        await Assert.ThrowsAsync<UnsuitableDatabaseException>(() => OpenAsync());
    }

    [Fact]
    public async Task OpenAsync_EmptyDatabase_ExecutesAllSteps()
    {
        await using PostgresStore store = await OpenAsync(Extra, "UPDATE meta SET note = 'again'");
        Assert.Equal("3 again", await server.QueryAsync("SELECT concat_ws(' ', schema_version, note) FROM meta", _schema));
    }

    [Fact]
    public async Task OpenAsync_StepFails_ChangesNothing()
    {
        await using (await OpenAsync())
        {
        }
        await Assert.ThrowsAsync<StoreUnavailableException>(() => OpenAsync(Extra, "SELECT 1 / 0"));
        Assert.Equal(1, await server.QueryAsync("SELECT schema_version FROM meta", _schema));
        await using PostgresStore store = await OpenAsync(Extra);
    }

    [Fact]
    public async Task OpenAsync_LockHeldForLong_Throws()
    {
        await using NpgsqlConnection holder = await server.LockAsync(_schema);
        await Assert.ThrowsAsync<StoreUnavailableException>(
            () => Calls.OpenAsync(server, _schema, requestSeconds: 1).WaitAsync(Wait.Patience));
    }

    [Fact]
    public async Task OpenAsync_NameThatSqlReserves_IsAccepted()
    {
        await using PostgresStore store = await Calls.OpenAsync(server, "user");
        Assert.Equal(1, (await store.PutAsync("a", "1")).Version);
    }

    /// <summary>An administrator creates the schema. The role of the server cannot create one.</summary>
    [Fact]
    public async Task OpenAsync_RoleThatOwnsOnlyTheSchema_Works()
    {
        await server.QueryAsync($"CREATE ROLE {_schema} LOGIN; CREATE SCHEMA {_schema} AUTHORIZATION {_schema}");
        var connection = new NpgsqlConnectionStringBuilder(server.ConnectionString) { Username = _schema };
        await Assert.ThrowsAsync<StoreUnavailableException>(() => OpenAsync($"{_schema}_other"));
        await using PostgresStore store = await OpenAsync(_schema);
        Assert.Equal(1, (await store.PutAsync("a", "1")).Version);
        Assert.Equal("1", (await store.GetAsync("a")).Value);
        await store.CleanAsync();

        Task<PostgresStore> OpenAsync(string schema) => PostgresStore.OpenAsync(
            new() { ConnectionString = connection.ConnectionString, SynchronousStandby = false, Schema = schema, ConnectTimeout = Calls.ConnectTimeout },
            TimeProvider.System);
    }

    private Task<PostgresStore> OpenAsync(params string[] extra) => PostgresStore.OpenAsync(
        new()
        {
            ConnectionString = server.ConnectionString, SynchronousStandby = false, Schema = _schema, SchemaSteps = [.. StoreSchema.Steps, .. extra],
            ConnectTimeout = Calls.ConnectTimeout,
        },
        TimeProvider.System);
}
