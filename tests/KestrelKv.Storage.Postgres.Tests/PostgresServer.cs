using System.Globalization;
using KestrelKv.Testing;
using Npgsql;

namespace KestrelKv.Storage.Postgres.Tests;

/// <summary>A PostgreSQL server in a temporary directory, on a loopback port.</summary>
public sealed class PostgresServer : IAsyncLifetime
{
    private static int schemas;

    private TemporaryProcesses _processes = null!;
    private bool _isSuspended;

    public int Port { get; } = FreePort.FindFixed();

    public string ConnectionString => Connection(Port);

    private string Data => Path.Combine(_processes.Folder, "data");

    public static string Connection(int port) =>
        string.Create(CultureInfo.InvariantCulture, $"Host=127.0.0.1;Port={port};Username={DatabaseUser.Name};Database=postgres");

    /// <summary>Returns the name of a schema that does not exist yet.</summary>
    public static string NewSchema() => $"test_{Interlocked.Increment(ref schemas)}";

    public async Task InitializeAsync()
    {
        await CreateFolderAsync();
        await DatabaseUser.RunAsync("initdb", "-D", Data, "-U", DatabaseUser.Name, "-A", "trust", "-E", "UTF8", "--locale=C");
        await File.AppendAllTextAsync(
            Path.Combine(Data, "postgresql.conf"),
            string.Create(
                CultureInfo.InvariantCulture,
                $"\nport = {Port}\nlisten_addresses = '127.0.0.1'\n" +
                $"unix_socket_directories = ''\nmax_connections = 60\nlogging_collector = off\n"));
        await StartAsync();
    }

    /// <summary>Starts a standby that replicates this server, and waits until each commit of this server waits for it.</summary>
    public async Task<PostgresServer> AddStandbyAsync()
    {
        var standby = new PostgresServer();
        await standby.CreateFolderAsync();
        await DatabaseUser.RunAsync(
            "pg_basebackup", "-h", "127.0.0.1", "-p", $"{Port}", "-U", DatabaseUser.Name, "-D", standby.Data, "-X", "stream", "-c", "fast");
        await File.AppendAllTextAsync(
            Path.Combine(standby.Data, "postgresql.auto.conf"),
            $"port = {standby.Port}\nprimary_conninfo = 'host=127.0.0.1 port={Port} user={DatabaseUser.Name} application_name=standby'\n");
        await File.WriteAllTextAsync(Path.Combine(standby.Data, "standby.signal"), "");
        await standby.StartAsync();
        await SetAsync("synchronous_standby_names", "standby");
        await Wait.UntilAsync(
            async () => await QueryAsync("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") is 1L,
            () => "the standby does not replicate");
        return standby;
    }

    /// <summary>Makes a standby the primary.</summary>
    public Task PromoteAsync() => DatabaseUser.RunAsync("pg_ctl", "promote", "-D", Data, "-w");

    /// <summary>Changes a setting that needs no restart, and waits until it takes effect.</summary>
    public async Task SetAsync(string setting, string value)
    {
        await QueryAsync($"ALTER SYSTEM SET {setting} = '{value}'");
        await QueryAsync("SELECT pg_reload_conf()");
        await Wait.UntilAsync(
            async () => Equals(await QueryAsync($"SHOW {setting}"), value), () => $"the setting {setting} does not take effect");
    }

    /// <summary>Requires passwords of a role.</summary>
    public async Task RequirePasswordAsync(string role)
    {
        string file = Path.Combine(Data, "pg_hba.conf");
        await File.WriteAllTextAsync(file, $"host all {role} 127.0.0.1/32 scram-sha-256\n{await File.ReadAllTextAsync(file)}");
        await QueryAsync("SELECT pg_reload_conf()");
    }

    /// <summary>Copies a certificate and its key into the data directory, and enables TLS.</summary>
    public async Task EnableTlsAsync(string certificateFile)
    {
        string file = Path.Combine(Data, "tls.pem");
        await File.WriteAllTextAsync(file, await File.ReadAllTextAsync(certificateFile));
        await Programs.RunAsync("chmod", ["600", file]);
        if (Environment.IsPrivilegedProcess) await Programs.RunAsync("chown", [DatabaseUser.Name, file]);
        await SetAsync("ssl_cert_file", "tls.pem");
        await SetAsync("ssl_key_file", "tls.pem");
        await SetAsync("ssl", "on");
    }

    public async Task DisposeAsync()
    {
        if (_isSuspended) await ResumeAsync();
        if (File.Exists(Path.Combine(Data, "postmaster.pid"))) await StopAsync();
        await _processes.DisposeAsync();
    }

    public Task StartAsync() => DatabaseUser.RunAsync("pg_ctl", "start", "-D", Data, "-w", "-l", Path.Combine(_processes.Folder, "log"));

    /// <summary>Kills the postmaster with SIGKILL. Its backends end when they notice it.</summary>
    public async Task KillAsync() => await TemporaryProcesses.SignalAsync("KILL", await ReadPostmasterAsync());

    /// <summary>Stops the server. Its port refuses connections.</summary>
    public Task StopAsync() => DatabaseUser.RunAsync("pg_ctl", "stop", "-D", Data, "-m", "immediate", "-w");

    /// <summary>Suspends all processes of the server. The system still accepts connections for it.</summary>
    public async Task SuspendAsync()
    {
        await SignalAsync("STOP");
        _isSuspended = true;
    }

    public async Task ResumeAsync()
    {
        await SignalAsync("CONT");
        _isSuspended = false;
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
    public Task<NpgsqlConnection> LockAsync(string schema) =>
        HoldAsync($"SELECT pg_advisory_lock(hashtextextended('kestrelkv:{schema}', 0))");

    /// <summary>Acquires a lock in a transaction, until the returned connection is disposed.</summary>
    public async Task<NpgsqlConnection> HoldAsync(string statement)
    {
        var connection = new NpgsqlConnection($"{ConnectionString};Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand($"BEGIN; {statement}", connection);
        await command.ExecuteNonQueryAsync();
        return connection;
    }

    private async Task CreateFolderAsync() => _processes = await TemporaryProcesses.CreateAsync("postgres");

    private async Task<int> ReadPostmasterAsync() =>
        int.Parse((await File.ReadAllLinesAsync(Path.Combine(Data, "postmaster.pid")))[0], CultureInfo.InvariantCulture);

    /// <summary>Sends a signal to the postmaster, and then to its processes.</summary>
    private async Task SignalAsync(string signal)
    {
        int postmaster = await ReadPostmasterAsync();
        await TemporaryProcesses.SignalAsync(signal, postmaster);
        await TemporaryProcesses.SignalAsync(signal, TemporaryProcesses.Children(postmaster));
    }
}

/// <summary>Tests that share one server, each with a schema of its own.</summary>
[CollectionDefinition(Name)]
public sealed class SharedServer : ICollectionFixture<PostgresServer>
{
    public const string Name = "PostgreSQL";
}
