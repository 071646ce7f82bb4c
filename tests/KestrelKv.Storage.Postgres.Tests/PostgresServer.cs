using System.Globalization;
using KestrelKv.Testing;
using Npgsql;

namespace KestrelKv.Storage.Postgres.Tests;

/// <summary>A PostgreSQL server in a temporary directory, on a loopback port.</summary>
/// <remarks>PostgreSQL refuses to run as root. If the tests do, the server runs as the user <c>postgres</c>.</remarks>
public sealed class PostgresServer : IAsyncLifetime
{
    private const string SystemUser = "postgres";

    private static int schemas;

    private readonly string _directory = Path.Combine(Path.GetTempPath(), $"kestrelkv-postgres-{Guid.NewGuid():N}");

    public int Port { get; } = FreePort.FindFixed();

    public string ConnectionString => Connection(Port);

    private string Data => Path.Combine(_directory, "data");

    public static string Connection(int port) =>
        string.Create(CultureInfo.InvariantCulture, $"Host=127.0.0.1;Port={port};Username={SystemUser};Database=postgres");

    /// <summary>Returns the name of a schema that does not exist yet.</summary>
    public static string NewSchema() => $"test_{Interlocked.Increment(ref schemas)}";

    public async Task InitializeAsync()
    {
        Directory.CreateDirectory(_directory);
        if (Environment.IsPrivilegedProcess) await Programs.RunAsync("chown", [SystemUser, _directory]);
        await RunAsync("initdb", "-D", Data, "-U", SystemUser, "-A", "trust", "-E", "UTF8", "--locale=C");
        await File.AppendAllTextAsync(
            Path.Combine(Data, "postgresql.conf"),
            string.Create(
                CultureInfo.InvariantCulture,
                $"\nport = {Port}\nlisten_addresses = '127.0.0.1'\n" +
                $"unix_socket_directories = ''\nmax_connections = 60\nlogging_collector = off\n"));
        await StartAsync();
    }

    public async Task DisposeAsync()
    {
        await RunAsync("pg_ctl", "stop", "-D", Data, "-m", "immediate", "-w");
        Directory.Delete(_directory, recursive: true);
    }

    public Task StartAsync() => RunAsync("pg_ctl", "start", "-D", Data, "-w", "-l", Path.Combine(_directory, "log"));

    /// <summary>Kills the postmaster with SIGKILL. Its backends end when they notice it.</summary>
    public async Task KillAsync()
    {
        string id = (await File.ReadAllLinesAsync(Path.Combine(Data, "postmaster.pid")))[0];
        await Programs.RunAsync("kill", ["-KILL", id]);
    }

    /// <summary>Starts the server after <see cref="KillAsync"/>, once the backends of the killed one have ended.</summary>
    public Task RestartAsync() => Wait.UntilAsync(
        async () =>
        {
            try
            {
                await StartAsync();
                return true;
            }
            catch (Xunit.Sdk.XunitException)
            {
                // A backend still uses the shared memory.
                return false;
            }
        },
        () => "the server does not start");

    /// <summary>Executes a statement on a connection of its own, and returns its first value.</summary>
    public async Task<object?> QueryAsync(string statement, string? schema = null)
    {
        await using var connection = new NpgsqlConnection($"{ConnectionString};Pooling=false;Search Path={schema ?? "public"}");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(statement, connection);
        return await command.ExecuteScalarAsync();
    }

    /// <summary>Acquires the writer lock of a store, until the returned connection is disposed.</summary>
    public async Task<NpgsqlConnection> LockAsync(string schema)
    {
        var connection = new NpgsqlConnection($"{ConnectionString};Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand($"SELECT pg_advisory_lock(hashtextextended('kestrelkv:{schema}', 0))", connection);
        await command.ExecuteNonQueryAsync();
        return connection;
    }

    private static Task<string> RunAsync(string program, params string[] arguments)
    {
        string path = Path.Combine(ProgramDirectory(), program);
        return Environment.IsPrivilegedProcess
            ? Programs.RunAsync("setpriv", ["--reuid", SystemUser, "--regid", SystemUser, "--clear-groups", path, .. arguments])
            : Programs.RunAsync(path, arguments);
    }

    /// <summary>Returns the directory of the programs of the newest version. Debian does not install them on the path.</summary>
    private static string ProgramDirectory() => Directory.GetDirectories("/usr/lib/postgresql")
        .OrderBy(path => int.Parse(Path.GetFileName(path), CultureInfo.InvariantCulture)).Select(path => Path.Combine(path, "bin")).Last();
}

/// <summary>Tests that share one server, each with a schema of its own.</summary>
[CollectionDefinition(Name)]
public sealed class SharedServer : ICollectionFixture<PostgresServer>
{
    public const string Name = "PostgreSQL";
}
