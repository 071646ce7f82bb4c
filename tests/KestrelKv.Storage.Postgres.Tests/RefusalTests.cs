using KestrelKv.Storage.Postgres.Sessions;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Postgres.Tests;

/// <summary>Starts that fail, each with one line that names what to change, and without secrets.</summary>
[Collection(SharedServer.Name)]
public sealed class RefusalTests(PostgresServer server)
{
    private const string Secret = "s3cr3t-w0rd";

    private readonly RecordingLogger _log = new();

    private string Host => $"127.0.0.1:{server.Port}";

    [Theory]
    [InlineData("Host=a;Hots=b", "hots")]
    [InlineData("Host=a;Port=x", "Port")]
    [InlineData("Host=a;SSL Mode=None", "SSL Mode")]
    [InlineData("Host=a,b:x", "b:x")]
    [InlineData("Host=a,b:0", "b:0")]
    [InlineData("Host=a,,b", "empty name")]
    [InlineData("Host=a,b:5432,a:5432", "a:5432 twice")]
    [InlineData("Username=a", "Host")]
    [InlineData("Host", "invalid")]
    [InlineData("Host=a,app:s3cr3t-w0rd@b", "host with a user")]
    [InlineData("Host=a;Password=abc;s3cr3t-w0rd=x", "Quote a password that contains a semicolon")]
    public async Task OpenAsync_MalformedConnectionString_NamesTheKeyword(string connection, string named)
    {
        ArgumentException e = await Assert.ThrowsAsync<ArgumentException>(() => OpenAsync($"Password={Secret};{connection}"));
        Assert.Contains(named, e.Message, StringComparison.OrdinalIgnoreCase);
        AssertIsOneLine(e);
    }

    [Fact]
    public async Task OpenAsync_NoHostAnswers_NamesEachWithItsReason()
    {
        int port = FreePort.FindFixed(), other = FreePort.FindFixed();
        var e = await Assert.ThrowsAsync<StoreUnavailableException>(
            () => OpenAsync($"Host=127.0.0.1:{port},localhost:{other};Username=postgres;Password={Secret}"));
        Assert.Equal(
            $"The store cannot be opened. No primary was found: 127.0.0.1:{port} does not answer (Connection refused); " +
            $"localhost:{other} does not answer (Connection refused).",
            e.Message);
        AssertIsOneLine(e);
    }

    [Fact]
    public async Task OpenAsync_WrongPassword_SaysSoWithoutThePassword()
    {
        await server.QueryAsync("CREATE ROLE secured LOGIN PASSWORD 'right'");
        await server.RequirePasswordAsync("secured");
        var e = await Assert.ThrowsAsync<StoreUnavailableException>(() => OpenAsync($"{Role("secured")};Password={Secret}"));
        Assert.Contains(
            $"{Host} refuses the connection (28P01: password authentication failed for user \"secured\")", e.Message,
            StringComparison.Ordinal);
        AssertIsOneLine(e);
    }

    [Fact]
    public async Task OpenAsync_MissingDatabase_SaysSo()
    {
        var e = await Assert.ThrowsAsync<StoreUnavailableException>(
            () => OpenAsync(server.ConnectionString.Replace("Database=postgres", "Database=absent", StringComparison.Ordinal)));
        Assert.Contains("database \"absent\" does not exist", e.Message, StringComparison.Ordinal);
        AssertIsOneLine(e);
    }

    [Fact]
    public async Task OpenAsync_RoleWithoutPrivileges_SaysSo()
    {
        await server.QueryAsync("CREATE ROLE weak LOGIN");
        var e = await Assert.ThrowsAsync<StoreUnavailableException>(() => OpenAsync(Role("weak"), "weak"));
        Assert.Contains(
            "must have the privilege CREATE on the database, or an administrator must create the schema for it", e.Message,
            StringComparison.Ordinal);
        AssertIsOneLine(e);
    }

    /// <summary>Such a role can also read the settings on which the safety of commits depends.</summary>
    [Fact]
    public async Task OpenAsync_RoleWithTheNeededPrivileges_Opens()
    {
        await server.QueryAsync("CREATE ROLE plain LOGIN; GRANT CREATE ON DATABASE postgres TO plain");
        string schema = PostgresServer.NewSchema();
        await using (PostgresStore store = await Calls.OpenAsync(Role("plain"), schema))
        {
            await store.PutAsync("a", "1");
            Assert.Null(await store.CheckAsync());
        }
        await Assert.ThrowsAsync<UnsuitableDatabaseException>(() => Calls.OpenAsync(Role("plain"), schema, standby: true));
    }

    [Fact]
    public async Task OpenAsync_ReadOnlyByDefault_SaysSo()
    {
        await server.QueryAsync("CREATE ROLE reader LOGIN; ALTER ROLE reader SET default_transaction_read_only = on");
        var e = await Assert.ThrowsAsync<UnsuitableDatabaseException>(() => OpenAsync(Role("reader")));
        Assert.Contains($"{Host} is read-only (default_transaction_read_only is on)", e.Message, StringComparison.Ordinal);
        AssertIsOneLine(e);
    }

    [Theory]
    [InlineData("fsync", "off", "fsync of PostgreSQL is off, expected on", false)]
    [InlineData("full_page_writes", "off", "full_page_writes of PostgreSQL is off, expected on", false)]
    [InlineData("fsync", "on", "synchronous_standby_names of PostgreSQL is empty", true)]
    public async Task OpenAsync_UnsafeSetting_NamesIt(string setting, string value, string named, bool standby)
    {
        await server.SetAsync(setting, value);
        try
        {
            var e = await Assert.ThrowsAsync<UnsuitableDatabaseException>(() => OpenAsync(server.ConnectionString, standby: standby));
            Assert.Contains(named, e.Message, StringComparison.Ordinal);
            Assert.Equal(standby, e.Message.Contains(nameof(PostgresStoreOptions.SynchronousStandby), StringComparison.Ordinal));
            AssertIsOneLine(e);
        }
        finally
        {
            await server.SetAsync(setting, "on");
        }
    }

    [Theory]
    [InlineData(12_0022, "The server has PostgreSQL 12, expected 13 or newer.")]
    [InlineData(13_0000, null)]
    public void UnsuitableVersion_OfAServer_NamesVersions(int version, string? expected) =>
        Assert.Equal(expected, new ServerState(false, false, "", true, true, version, default).UnsuitableVersion);

    /// <summary>All keys and values are bytes for PostgreSQL. The encoding of the database is not used.</summary>
    [Fact]
    public async Task OpenAsync_DatabaseWithAnotherEncoding_StoresAllText()
    {
        await server.QueryAsync("CREATE DATABASE latin1 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
        await using PostgresStore store = await Calls.OpenAsync(
            server.ConnectionString.Replace("Database=postgres", "Database=latin1", StringComparison.Ordinal), PostgresServer.NewSchema());
        await store.PutAsync("k€y", "\"日本\"");
        Assert.Equal("\"日本\"", (await store.GetAsync("k€y")).Value);
    }

    /// <summary>A password stays out of messages, logs and texts of exceptions, also of calls that fail later.</summary>
    [Fact]
    public async Task Password_OfAStoreWhoseCallsFail_IsNeverShown()
    {
        await server.QueryAsync($"CREATE ROLE owner LOGIN PASSWORD '{Secret}'; GRANT CREATE ON DATABASE postgres TO owner");
        await server.RequirePasswordAsync("owner");
        await using PostgresStore store = await Calls.OpenAsync(
            $"{Role("owner")};Password={Secret}", PostgresServer.NewSchema(), requestSeconds: 2, logger: _log);
        await server.QueryAsync("ALTER ROLE owner NOLOGIN");
        await server.QueryAsync("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename = 'owner'");
        var e = await Assert.ThrowsAsync<StoreUnavailableException>(() => store.PutAsync("a", "1"));
        Assert.DoesNotContain(Secret, e.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, await store.CheckAsync(), StringComparison.Ordinal);
        Assert.NotEmpty(_log.All);
        Assert.DoesNotContain(Secret, _log.All, StringComparison.Ordinal);
    }

    private static void AssertIsOneLine(Exception e)
    {
        Assert.DoesNotContain('\n', e.Message);
        Assert.InRange(e.Message.Length, 1, 400);
        Assert.DoesNotContain(Secret, e.ToString(), StringComparison.Ordinal);
    }

    private string Role(string name) => server.ConnectionString.Replace("Username=postgres", $"Username={name}", StringComparison.Ordinal);

    private async Task OpenAsync(string connection, string? schema = null, bool standby = false)
    {
        await using PostgresStore store = await Calls.OpenAsync(
            connection, schema ?? PostgresServer.NewSchema(), standby: standby, logger: _log);
    }
}
