using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Postgres.Tests.Cluster;

/// <summary>
/// Three PostgreSQL servers under Patroni, and the etcd that Patroni needs, on loopback ports, or on the machines of a network: machine 1
/// to 3 and <see cref="EtcdMachine"/>.
/// </summary>
public sealed class PatroniCluster : IAsyncLifetime
{
    /// <summary>The number of the machine of etcd.</summary>
    public const int EtcdMachine = Nodes + 1;

    private const int Nodes = 3;

    /// <summary>The maximum time until a cluster is complete after a fault: a node may have to be copied again.</summary>
    private static readonly TimeSpan RepairTimeout = TimeSpan.FromMinutes(4);

    /// <summary>The time after which a node that does not answer is copied again.</summary>
    private static readonly TimeSpan CopyAfter = TimeSpan.FromSeconds(75);

    private readonly ClusterSettings _settings;
    private readonly ClusterNetwork? _network;
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

    internal PatroniCluster(ClusterSettings settings, ClusterNetwork? network = null) => (_settings, _network) = (settings, network);

    public IReadOnlyList<ClusterNode> All => _nodes;

    /// <summary>The connection string of a store, with all nodes.</summary>
    public string ConnectionString =>
        $"Host={string.Join(',', _nodes.Select(node => node.Address))};Username={DatabaseUser.Name};Database=postgres";

    public async Task InitializeAsync()
    {
        _processes = await TemporaryProcesses.CreateAsync("cluster");
        (_etcdPort, _etcdPeerPort) = (NextPort(), NextPort());
        _nodes = [.. Enumerable.Range(1, Nodes).Select(NewNode)];
        await StartEtcdAsync();
        foreach (ClusterNode node in _nodes)
        {
            await DatabaseUser.CreateDirectoryAsync(node.Folder);
            if (_settings.HasWalDisk) await MountWalDiskAsync(node);
            string configuration = JsonSerializer.Serialize(_settings.ForNode(node, EtcdAddress(_etcdPort)));
            await File.WriteAllTextAsync(Path.Combine(node.Folder, "patroni.json"), configuration);
            Start(node);
        }
        await WaitForRolesAsync(isComplete: true);
    }

    public async Task DisposeAsync()
    {
        foreach (ClusterNode node in _nodes)
        {
            await node.StopAsync();
            if (_settings.HasWalDisk) await Programs.RunAsync("umount", [node.WalDisk]);
        }
        await _processes.DisposeAsync();
    }

    /// <summary>Opens a store that knows all nodes.</summary>
    public Task<PostgresStore> OpenStoreAsync(string schema, TimeProvider? time = null) => PostgresStore.OpenAsync(
        new() { ConnectionString = ConnectionString, Schema = schema, SynchronousStandby = _settings.IsSynchronous },
        time ?? TimeProvider.System);

    /// <summary>Starts etcd, and waits until it answers.</summary>
    public async Task StartEtcdAsync()
    {
        string client = $"http://{EtcdAddress(_etcdPort)}", peer = $"http://{EtcdAddress(_etcdPeerPort)}";
        _etcd = _processes.Start(
            "etcd.log",
            [
                "etcd", "--name", "etcd", "--enable-v2", "--data-dir", Path.Combine(_processes.Folder, "etcd"),
                "--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", peer,
                "--initial-advertise-peer-urls", peer, "--initial-cluster", $"etcd={peer}",
            ],
            CommandOf(EtcdMachine));
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
        await EndFaultsAsync();
        return await WaitForRolesAsync(isComplete: true);
    }

    /// <summary>Ends all faults. Returns the primary once it has a standby. The other one may still be repaired.</summary>
    public async Task<ClusterNode> PrimaryAsync()
    {
        await EndFaultsAsync();
        return (await WaitForRolesAsync(isComplete: false)).Primary;
    }

    private async Task EndFaultsAsync()
    {
        if (_etcd!.HasExited) await StartEtcdAsync();
        foreach (ClusterNode node in _nodes)
        {
            await node.ResumeAsync(NodePart.Both);
            if (!node.HasPatroni) Start(node);
        }
    }

    /// <summary>Waits until another node accepts writes.</summary>
    public Task WaitForPrimaryOtherThanAsync(ClusterNode former) => Wait.UntilAsync(
        async () =>
        {
            IEnumerable<ClusterNode> others = _nodes.Where(node => node != former);
            object?[]?[] rows = await Task.WhenAll(others.Select(node => node.TryQueryAsync("SELECT pg_is_in_recovery()")));
            return rows.Any(row => row?[0] is false);
        },
        () => $"no other node replaces {former.Name}");

    /// <summary>
    /// Waits until there is one primary with a synchronous standby; if the cluster must be complete, with both standbys, and all Patronis
    /// agree. Returns the primary and the synchronous standby; if the cluster is asynchronous, any standby.
    /// </summary>
    private async Task<(ClusterNode Primary, ClusterNode Standby)> WaitForRolesAsync(bool isComplete)
    {
        var clock = Stopwatch.StartNew();
        for (TimeSpan copyAfter = CopyAfter; ;)
        {
            if (await FindRolesAsync(isComplete) is { } roles) return roles;
            if (clock.Elapsed > copyAfter)
            {
                // Not every former primary can be rewound: Patroni then waits for the decision of an operator.
                foreach (ClusterNode node in _nodes)
                    if (await node.TryQueryAsync("SELECT 1") is null) await node.ReinitializeAsync();
                copyAfter += CopyAfter;
            }
            if (clock.Elapsed > RepairTimeout)
            {
                string logs = string.Join('\n', _nodes.Select(node => $"{node.Name}:\n{Log(node.Name)}"));
                Assert.Fail($"The cluster is not complete after {RepairTimeout.TotalMinutes} minutes.\n{logs}");
            }
            await Task.Delay(TimeSpan.FromMilliseconds(500));
        }
    }

    /// <summary>Returns the end of the log of a process.</summary>
    private string Log(string name) => string.Join('\n', File.ReadLines(Path.Combine(_processes.Folder, $"{name}.log")).TakeLast(40));

    private async Task<(ClusterNode Primary, ClusterNode Standby)?> FindRolesAsync(bool isComplete)
    {
        int standbysMin = isComplete ? Nodes - 1 : 1;
        (ClusterNode Node, string? Standby)[] states = await Task.WhenAll(
            _nodes.Select(async node => (node, await StandbyAsync(node, standbysMin))));
        if (states.Count(state => state.Standby is { Length: > 0 }) != 1) return null;
        if (isComplete && states.Any(state => state.Standby is null)) return null;
        (ClusterNode primary, string? standby) = states.Single(state => state.Standby is { Length: > 0 });
        foreach (ClusterNode node in isComplete ? _nodes : [primary])
            if (!(await node.MembersAsync()).TryGetValue(primary.Name, out string? role) || role != "leader") return null;
        return (primary, _nodes.Single(node => node.Name == standby));
    }

    /// <summary>
    /// Returns the name of the synchronous standby of a primary that has enough standbys; empty for a standby; null for any other node.
    /// </summary>
    private async Task<string?> StandbyAsync(ClusterNode node, int standbysMin)
    {
        const string Roles =
            """
            SELECT pg_is_in_recovery(), count(*), min(application_name) FILTER (WHERE sync_state IN ('sync', 'quorum')),
                min(application_name)
            FROM pg_stat_replication WHERE state = 'streaming'
            """;
        if (await node.TryQueryAsync(Roles) is not { } row) return null;
        if (row[0] is true) return "";
        return row[1] is long standbys && standbys >= standbysMin ? row[_settings.IsSynchronous ? 2 : 3] as string : null;
    }

    /// <summary>Mounts a small disk, in memory. It has space for what a node needs and a few more segments of 16 MiB.</summary>
    private static async Task MountWalDiskAsync(ClusterNode node)
    {
        await DatabaseUser.CreateDirectoryAsync(node.WalDisk);
        await Programs.RunAsync("mount", ["-t", "tmpfs", "-o", "size=256m", "tmpfs", node.WalDisk]);
        await DatabaseUser.CreateDirectoryAsync(node.WalDisk);
    }

    private ClusterNode NewNode(int number)
    {
        string name = string.Create(CultureInfo.InvariantCulture, $"node{number}");
        return new(name, HostOf(number), NextPort(), NextPort(), Path.Combine(_processes.Folder, name));
    }

    private void Start(ClusterNode node) => node.Start(_processes, CommandOf(Array.IndexOf(_nodes, node) + 1));

    private string HostOf(int machine) => _network?.Address(machine) ?? "127.0.0.1";

    private string[] CommandOf(int machine) => _network?.CommandOf(machine) ?? [];

    private string EtcdAddress(int port) => string.Create(CultureInfo.InvariantCulture, $"{HostOf(EtcdMachine)}:{port}");

    private int NextPort()
    {
        int port;
        do port = FreePort.FindFixed();
        while (!_ports.Add(port));
        return port;
    }
}
