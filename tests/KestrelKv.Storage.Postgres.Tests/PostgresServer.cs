using System.Globalization;
using KestrelKv.Testing;
using Npgsql;

namespace KestrelKv.Storage.Postgres.Tests;

/// <summary>A PostgreSQL server in a temporary directory, on a loopback port.</summary>
public sealed class PostgresServer : IAsyncLifetime
{
    private static int schemas;

    private TemporaryProcesses _processes = null!;

    public int Port { get; } = FreePort.FindFixed();

    public string ConnectionString => Connection(Port);

    private string Data => Path.Combine(_processes.Folder, "data");

    public static string Connection(int port) =>
        string.Create(CultureInfo.InvariantCulture, $"Host=127.0.0.1;Port={port};Username={DatabaseUser.Name};Database=postgres");

    /// <summary>Returns the name of a schema that does not exist yet.</summary>
    public static string NewSchema() => $"test_{Interlocked.Increment(ref schemas)}";

    public async Task InitializeAsync()
    {
        _processes = await TemporaryProcesses.CreateAsync("postgres");
        await DatabaseUser.RunAsync("initdb", "-D", Data, "-U", DatabaseUser.Name, "-A", "trust", "-E", "UTF8", "--locale=C");
        await File.AppendAllTextAsync(
            Path.Combine(Data, "postgresql.conf"),
            string.Create(
                CultureInfo.InvariantCulture,
                $"\nport = {Port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\nmax_connections = 60\nlogging_collector = off\n"));
        await StartAsync();
    }

    public async Task DisposeAsync()
    {
        await DatabaseUser.RunAsync("pg_ctl", "stop", "-D", Data, "-m", "immediate", "-w");
        await _processes.DisposeAsync();
    }

    public Task StartAsync() => DatabaseUser.RunAsync("pg_ctl", "start", "-D", Data, "-w", "-l", Path.Combine(_processes.Folder, "log"));

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
}

/// <summary>Tests that share one server, each with a schema of its own.</summary>
[CollectionDefinition(Name)]
public sealed class SharedServer : ICollectionFixture<PostgresServer>
{
    public const string Name = "PostgreSQL";
}
