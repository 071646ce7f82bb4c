namespace KestrelKv.Storage.Postgres.Tests.Cluster;

/// <summary>The settings of a cluster.</summary>
/// <param name="IsSynchronous">Whether a commit waits for a standby.</param>
/// <param name="HasWalDisk">Whether the write-ahead log of each node has a small disk of its own. Requires root.</param>
public sealed record ClusterSettings(bool IsSynchronous = true, bool HasWalDisk = false)
{
    /// <summary>The time after which a silent leader loses its key, in seconds: the lowest that Patroni permits.</summary>
    public const int Ttl = 20;

    /// <summary>The pause between the checks of each Patroni, in seconds.</summary>
    public const int LoopWait = 2;

    private const int RetryTimeout = 5;

    /// <summary>The maximum time for which writes fail after a primary was lost.</summary>
    public static readonly TimeSpan OutageMax = TimeSpan.FromSeconds(Ttl + 10);

    /// <summary>Returns the configuration of a node's Patroni. It is written as JSON, which is a subset of YAML.</summary>
    /// <remarks>
    /// Patroni 3.0.2 loses acknowledged writes with version 3 of etcd's interface: a primary that was suspended overwrites the leader key
    /// of its successor (patroni#2689). With version 2, the update of the key is a compare-and-set.
    /// </remarks>
    public object ForNode(ClusterNode node, string etcd)
    {
        var login = new { username = DatabaseUser.Name };
        object[] wal = HasWalDisk ? [new { waldir = Path.Combine(node.WalDisk, "wal") }] : [];
        return new
        {
            scope = "test",
            name = node.Name,
            restapi = new { listen = node.RestAddress, connect_address = node.RestAddress },
            etcd = new { host = etcd },
            bootstrap = new
            {
                dcs = new
                {
                    ttl = Ttl,
                    loop_wait = LoopWait,
                    retry_timeout = RetryTimeout,
                    maximum_lag_on_failover = 1 << 30,
                    primary_start_timeout = 0,
                    synchronous_mode = IsSynchronous,
                    synchronous_mode_strict = IsSynchronous,
                    synchronous_node_count = 1,
                    postgresql = new
                    {
                        use_pg_rewind = true,
                        parameters = new
                        {
                            shared_buffers = "64MB",
                            max_connections = 100,
                            max_wal_size = HasWalDisk ? "64MB" : "1GB",
                            min_wal_size = "32MB",
                            wal_retrieve_retry_interval = "500ms",
                            wal_keep_size = HasWalDisk ? "48MB" : "256MB",
                        },
                    },
                },
                initdb = (object[])[new { encoding = "UTF8" }, new { locale = "C" }, new { auth = "trust" }, "data-checksums", .. wal],
            },
            postgresql = new
            {
                listen = node.Address,
                connect_address = node.Address,
                data_dir = node.Data,
                bin_dir = DatabaseUser.ProgramDirectory,
                pgpass = Path.Combine(node.Folder, "pgpass"),
                authentication = new { superuser = login, replication = login, rewind = login },
                basebackup = wal,
                parameters = new { unix_socket_directories = "" },
                pg_hba = (string[])["host all all all trust", "host replication all all trust"],
            },
            watchdog = new { mode = "off" },
        };
    }
}
