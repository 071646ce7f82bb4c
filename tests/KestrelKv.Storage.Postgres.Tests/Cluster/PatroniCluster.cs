using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using KestrelKv.Testing;
using Npgsql;

namespace KestrelKv.Storage.Postgres.Tests.Cluster;

/// <summary>Three PostgreSQL servers under Patroni, and the etcd that Patroni needs, on loopback ports.</summary>
public sealed class PatroniCluster : IAsyncLifetime
{
    private const int Nodes = 3;
    private const string Loopback = "127.0.0.1";

    /// <summary>The maximum time until a cluster is complete after a fault: a node may have to be copied again.</summary>
    private static readonly TimeSpan RepairTimeout = TimeSpan.FromMinutes(4);

    private readonly ClusterSettings _settings;
    private readonly HashSet<int> _ports = [];
    private TemporaryProcesses _processes = null!;
    private ClusterNode[] _nodes = [];
    private Process? _etcd;
    private int _etcdPort;
    private int _etcdPeerPort;

    /// <summary>A cluster with a synchronous standby.</summary>
    public PatroniCluster()
        : this(new())
    {
    }

    internal PatroniCluster(ClusterSettings settings) => _settings = settings;

    public IReadOnlyList<ClusterNode> All => _nodes;

    /// <summary>The connection string of a store, with all nodes.</summary>
    public string ConnectionString =>
        $"Host={string.Join(',', _nodes.Select(node => node.Address))};Username={DatabaseUser.Name};Database=postgres;Target Session Attributes=primary;Host Recheck Seconds=1";

    public async Task InitializeAsync()
    {
        _processes = await TemporaryProcesses.CreateAsync("cluster");
        (_etcdPort, _etcdPeerPort) = (NextPort(), NextPort());
        _nodes = [.. Enumerable.Range(1, Nodes).Select(NewNode)];
        await StartEtcdAsync();
        foreach (ClusterNode node in _nodes)
        {
            await DatabaseUser.CreateDirectoryAsync(node.Folder);
            string configuration = JsonSerializer.Serialize(_settings.ForNode(node, Address(_etcdPort)));
            await File.WriteAllTextAsync(Path.Combine(node.Folder, "patroni.json"), configuration);
            node.Start(_processes);
        }
        await WaitUntilCompleteAsync();
    }

    public async Task DisposeAsync()
    {
        foreach (ClusterNode node in _nodes) await node.StopAsync();
        await _processes.DisposeAsync();
    }

    /// <summary>Returns a function that opens stores with all nodes.</summary>
    public Func<int, Task<PostgresStore>> OpenStoresIn(string schema) => _ => PostgresStore.OpenAsync(
        new() { ConnectionString = ConnectionString, Schema = schema }, TimeProvider.System);

    /// <summary>Starts etcd, and waits until it answers.</summary>
    public async Task StartEtcdAsync()
    {
        string client = $"http://{Address(_etcdPort)}", peer = $"http://{Address(_etcdPeerPort)}";
        _etcd = _processes.Start(
            "etcd.log",
            [
                "etcd", "--name", "etcd", "--enable-v2", "--data-dir", Path.Combine(_processes.Folder, "etcd"),
                "--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", peer,
                "--initial-advertise-peer-urls", peer, "--initial-cluster", $"etcd={peer}",
            ]);
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(3) };
        await Wait.UntilAsync(
            async () =>
            {
                try
                {
                    return (await http.GetStringAsync(new Uri($"{client}/health"))).Contains("true", StringComparison.Ordinal);
                }
                catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
                {
                    return false;
                }
            },
            () => $"etcd does not answer:\n{Log("etcd")}");
    }

    public async Task KillEtcdAsync()
    {
        await TemporaryProcesses.SignalAsync("KILL", _etcd!.Id);
        await _etcd.WaitForExitAsync();
    }

    /// <summary>Ends all faults, and waits until the cluster is complete. Returns the primary and the synchronous standby.</summary>
    public async Task<(ClusterNode Primary, ClusterNode Standby)> RepairAsync()
    {
        if (_etcd!.HasExited) await StartEtcdAsync();
        foreach (ClusterNode node in _nodes)
        {
            await node.ResumeAsync(NodePart.Both);
            if (!node.HasPatroni) node.Start(_processes);
        }
        return await WaitUntilCompleteAsync();
    }

    /// <summary>
    /// Waits until there is one primary, with two standbys, one of them synchronous, and all Patronis agree. Returns the primary and the
    /// synchronous standby; if the cluster is asynchronous, any standby.
    /// </summary>
    private async Task<(ClusterNode Primary, ClusterNode Standby)> WaitUntilCompleteAsync()
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            if (await FindRolesAsync() is { } roles) return roles;
            if (clock.Elapsed > RepairTimeout)
            {
                string logs = string.Join('\n', _nodes.Select(node => $"{node.Name}:\n{Log(node.Name)}"));
                Assert.Fail($"The cluster is not complete after {RepairTimeout.TotalMinutes} minutes.\n{logs}");
            }
            await Task.Delay(TimeSpan.FromMilliseconds(200));
        }
    }

    /// <summary>Returns the end of the log of a process.</summary>
    private string Log(string name) => string.Join('\n', File.ReadLines(Path.Combine(_processes.Folder, $"{name}.log")).TakeLast(40));

    private async Task<(ClusterNode Primary, ClusterNode Standby)?> FindRolesAsync()
    {
        (ClusterNode Node, string? Synchronous)[] states = await Task.WhenAll(
            _nodes.Select(async node => (node, await SynchronousStandbyAsync(node))));
        if (states.Count(state => state.Synchronous is { Length: > 0 }) != 1 || states.Any(state => state.Synchronous is null)) return null;
        (ClusterNode primary, string? synchronous) = states.Single(state => state.Synchronous is { Length: > 0 });
        foreach (ClusterNode node in _nodes)
            if (!(await node.MembersAsync()).TryGetValue(primary.Name, out string? role) || role != "leader") return null;
        return (primary, _nodes.Single(node => node.Name == synchronous));
    }

    /// <summary>
    /// Returns the name of the synchronous standby of a primary that has all its standbys; empty for a standby; null for any other node.
    /// </summary>
    private async Task<string?> SynchronousStandbyAsync(ClusterNode node)
    {
        const string Roles =
            """
            SELECT pg_is_in_recovery(), count(*), min(application_name) FILTER (WHERE sync_state IN ('sync', 'quorum')), min(application_name)
            FROM pg_stat_replication WHERE state = 'streaming'
            """;
        try
        {
            object?[] row = await node.QueryAsync(Roles);
            if (row[0] is true) return "";
            return row[1] is Nodes - 1L ? row[_settings.IsSynchronous ? 2 : 3] as string : null;
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            return null;
        }
    }

    private ClusterNode NewNode(int number)
    {
        string name = string.Create(CultureInfo.InvariantCulture, $"node{number}");
        return new(name, Loopback, NextPort(), NextPort(), Path.Combine(_processes.Folder, name));
    }

    private int NextPort()
    {
        int port;
        do port = FreePort.FindFixed();
        while (!_ports.Add(port));
        return port;
    }

    private static string Address(int port) => string.Create(CultureInfo.InvariantCulture, $"{Loopback}:{port}");
}
