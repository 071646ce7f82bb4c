using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using KestrelKv.Testing;
using Npgsql;

namespace KestrelKv.Storage.Postgres.Tests.Cluster;

/// <summary>What a test stops or kills on a node.</summary>
public enum NodePart
{
    PostgreSql,
    Patroni,
    Both,
}

/// <summary>A PostgreSQL server and the Patroni that controls it.</summary>
/// <param name="name">The name of the node.</param>
/// <param name="host">The address of its machine.</param>
/// <param name="port">The port of PostgreSQL.</param>
/// <param name="restPort">The port of Patroni.</param>
/// <param name="folder">The directory of the node.</param>
public sealed class ClusterNode(string name, string host, int port, int restPort, string folder)
{
    private static readonly HttpClient Http = new() { Timeout = TimeSpan.FromSeconds(3) };

    private Process? _patroni;

    public string Name => name;

    public string Host => host;

    public int Port => port;

    public string Folder => folder;

    public string Data => Path.Combine(folder, "data");

    /// <summary>The mount point of the disk for the write-ahead log, if the node has one.</summary>
    public string WalDisk => Path.Combine(folder, "disk");

    /// <summary>The address of PostgreSQL, as in the list of hosts of a connection string.</summary>
    public string Address => string.Create(CultureInfo.InvariantCulture, $"{host}:{port}");

    public string RestAddress => string.Create(CultureInfo.InvariantCulture, $"{host}:{restPort}");

    /// <summary>The connection string of this node alone.</summary>
    public string ConnectionString => string.Create(
        CultureInfo.InvariantCulture, $"Host={host};Port={port};Username={DatabaseUser.Name};Database=postgres");

    /// <summary>The part of the path of the data directory that is the same in other namespaces.</summary>
    private string DataEnd => $"/{Path.GetFileName(Path.GetDirectoryName(folder))}/{name}/data";

    public bool HasPatroni => _patroni is { HasExited: false };

    /// <summary>The process id of PostgreSQL; 0 if it does not run.</summary>
    private int Postmaster
    {
        get
        {
            try
            {
                int id = int.Parse(File.ReadLines(Path.Combine(Data, "postmaster.pid")).First(), CultureInfo.InvariantCulture);

                // The file of a killed server remains, and ids are reused.
                string? folder = new DirectoryInfo(string.Create(CultureInfo.InvariantCulture, $"/proc/{id}/cwd")).LinkTarget;
                return folder?.EndsWith(DataEnd, StringComparison.Ordinal) is true ? id : 0;
            }
            catch (Exception e) when (e is IOException or InvalidOperationException or FormatException)
            {
                // It starts or ends at this moment.
                return 0;
            }
        }
    }

    /// <summary>Starts Patroni, which starts PostgreSQL.</summary>
    internal void Start(TemporaryProcesses processes, params string[] prefix) =>
        _patroni = processes.Start($"{name}.log", ["/usr/bin/patroni", Path.Combine(folder, "patroni.json")], prefix);

    /// <summary>Kills processes with SIGKILL. The backends end when they notice that the postmaster has ended.</summary>
    public Task KillAsync(NodePart part) =>
        TemporaryProcesses.SignalAsync("KILL", [.. PatroniIds(part), .. part == NodePart.Patroni ? [] : (int[])[Postmaster]]);

    /// <summary>Suspends processes: as on a machine that is overloaded, or whose virtual machine is migrated.</summary>
    public async Task SuspendAsync(NodePart part)
    {
        // Parents first: they then start no more children.
        await TemporaryProcesses.SignalAsync("STOP", PatroniIds(part));
        if (part == NodePart.Patroni) return;
        int postmaster = Postmaster;
        await TemporaryProcesses.SignalAsync("STOP", postmaster);
        await TemporaryProcesses.SignalAsync("STOP", TemporaryProcesses.Children(postmaster));
    }

    /// <summary>Ends <see cref="SuspendAsync"/>.</summary>
    public async Task ResumeAsync(NodePart part)
    {
        if (part != NodePart.Patroni)
        {
            int postmaster = Postmaster;
            await TemporaryProcesses.SignalAsync("CONT", [.. TemporaryProcesses.Children(postmaster), postmaster]);
        }
        await TemporaryProcesses.SignalAsync("CONT", PatroniIds(part));
    }

    /// <summary>
    /// Fills the disk of the write-ahead log until a primary fails, or a standby no longer receives the log. The primary makes more of it
    /// meanwhile. <see cref="FreeWalDisk"/> frees the disk.
    /// </summary>
    public async Task FillWalDiskAsync(ClusterNode primary)
    {
        await Programs.RunAsync("sh", ["-c", "cat /dev/zero >\"$1\" 2>/dev/null; true", "sh", Path.Combine(WalDisk, "fill")]);

        // Each call needs another segment. The first ones exist already.
        string receives = primary == this
            ? "SELECT true"
            : $"SELECT count(*) > 0 FROM pg_stat_replication WHERE application_name = '{name}' AND state = 'streaming'";
        await Wait.UntilAsync(
            async () =>
            {
                await primary.TryQueryAsync("SELECT pg_switch_wal() FROM pg_logical_emit_message(false, '', '')");
                return await primary.TryQueryAsync(receives) is not [true];
            },
            () => $"a full disk does not stop {name}");
    }

    public void FreeWalDisk() => File.Delete(Path.Combine(WalDisk, "fill"));

    /// <summary>Ends PostgreSQL at once, and with it what it shares with other processes of the system.</summary>
    public async Task StopAsync()
    {
        await ResumeAsync(NodePart.PostgreSql);
        await KillAsync(NodePart.Patroni);
        await TemporaryProcesses.SignalAsync("QUIT", Postmaster);
        await Wait.UntilAsync(() => Postmaster == 0, () => $"PostgreSQL of {name} does not end");
    }

    /// <summary>Executes a statement on a connection of its own, and returns its first row.</summary>
    public async Task<object?[]> QueryAsync(string statement)
    {
        await using var connection = new NpgsqlConnection(
            $"{ConnectionString};Pooling=false;Timeout=3;Command Timeout=3;Cancellation Timeout=-1");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(statement, connection);
        await using NpgsqlDataReader rows = await command.ExecuteReaderAsync();
        if (!await rows.ReadAsync()) return [];
        object?[] row = new object?[rows.FieldCount];
        rows.GetValues(row!);
        return row;
    }

    /// <summary>Like <see cref="QueryAsync"/>, but returns null if the server does not answer.</summary>
    public async Task<object?[]?> TryQueryAsync(string statement)
    {
        try
        {
            return await QueryAsync(statement);
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            return null;
        }
    }

    /// <summary>Returns the names and roles of the nodes that Patroni knows; none if it does not answer.</summary>
    public async Task<Dictionary<string, string>> MembersAsync()
    {
        try
        {
            JsonElement cluster = await Http.GetFromJsonAsync<JsonElement>(new Uri($"http://{RestAddress}/cluster"));
            return cluster.GetProperty("members").EnumerateArray().ToDictionary(
                member => member.GetProperty("name").GetString()!, member => member.GetProperty("role").GetString()!);
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException or JsonException or KeyNotFoundException)
        {
            return [];
        }
    }

    /// <summary>Asks Patroni for a planned change of the leader. Returns whether Patroni did it.</summary>
    public Task<bool> SwitchoverAsync() => PostAsync("switchover", new { leader = name });

    /// <summary>Asks Patroni to copy the database again from the primary. Returns whether Patroni agreed.</summary>
    public Task<bool> ReinitializeAsync() => PostAsync("reinitialize", new { force = true });

    private async Task<bool> PostAsync(string action, object content)
    {
        try
        {
            // Patroni needs the length of the content, which JSON content does not report.
            using var http = new HttpClient { Timeout = TimeSpan.FromMinutes(1) };
            using var request = new StringContent(JsonSerializer.Serialize(content));
            using HttpResponseMessage response = await http.PostAsync(new Uri($"http://{RestAddress}/{action}"), request);
            return response.IsSuccessStatusCode;
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            return false;
        }
    }

    private int[] PatroniIds(NodePart part) => part != NodePart.PostgreSql && HasPatroni ? [_patroni!.Id] : [];
}
