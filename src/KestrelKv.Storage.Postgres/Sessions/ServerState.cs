using Npgsql;

namespace KestrelKv.Storage.Postgres.Sessions;

/// <summary>The role of a server, and the settings on which the durability of commits depends.</summary>
/// <param name="IsStandby">Whether the server is in recovery.</param>
/// <param name="IsReadOnly">Whether transactions are read-only by default.</param>
/// <param name="StandbyNames">The setting <c>synchronous_standby_names</c>.</param>
/// <param name="Fsync">The setting <c>fsync</c>.</param>
/// <param name="FullPageWrites">The setting <c>full_page_writes</c>.</param>
/// <param name="Version">The version, as <c>server_version_num</c>.</param>
/// <param name="StartedAt">When the server was started. It identifies the server behind an address that moves.</param>
internal sealed record ServerState(
    bool IsStandby, bool IsReadOnly, string StandbyNames, bool Fsync, bool FullPageWrites, int Version, DateTime StartedAt)
{
    /// <summary>
    /// PostgreSQL 13. The statements of the store need 11; the versions before 13 are no longer maintained. Only 15 is tested.
    /// </summary>
    private const int VersionMin = 13_0000;

    private const string Select =
        """
        SELECT pg_is_in_recovery(), current_setting('transaction_read_only')::bool, current_setting('synchronous_standby_names'),
            current_setting('fsync')::bool, current_setting('full_page_writes')::bool, current_setting('server_version_num')::int,
            pg_postmaster_start_time()
        """;

    /// <summary>Whether the server accepts writes.</summary>
    public bool IsPrimary => !IsStandby && !IsReadOnly;

    /// <summary>Returns a sentence if the version of the server is too old; otherwise null.</summary>
    public string? UnsuitableVersion => Version >= VersionMin ? null
        : $"The server has PostgreSQL {Version / 10_000}, expected {VersionMin / 10_000} or newer.";

    public static void AddTo(Trip trip) => trip.Add(Select);

    /// <summary>Reads the result of <see cref="AddTo"/>.</summary>
    public static async Task<ServerState> ReadAsync(NpgsqlDataReader rows)
    {
        await rows.ReadAsync();
        return new(
            rows.GetBoolean(0), rows.GetBoolean(1), rows.GetString(2), rows.GetBoolean(3), rows.GetBoolean(4), rows.GetInt32(5),
            rows.GetDateTime(6));
    }

    /// <summary>Returns a sentence about a setting with which acknowledged writes can be lost; null if there is none.</summary>
    /// <param name="expectsStandby">The option <see cref="PostgresStoreOptions.SynchronousStandby"/>.</param>
    public string? UnsafeSetting(bool expectsStandby)
    {
        if (!Fsync) return "The setting fsync of PostgreSQL is off, expected on: a crash could lose acknowledged writes.";
        if (!FullPageWrites) return "The setting full_page_writes of PostgreSQL is off, expected on: a crash could damage the database.";
        return !expectsStandby || StandbyNames.Trim().Length > 0 ? null
            : "The setting synchronous_standby_names of PostgreSQL is empty, expected the names of standbys: a failover could lose " +
            $"acknowledged writes. {nameof(PostgresStoreOptions.SynchronousStandby)} = false accepts this, for a single server or a " +
            "service that replicates beneath PostgreSQL.";
    }
}
