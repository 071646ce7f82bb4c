using System.Globalization;
using System.Text.RegularExpressions;
using Npgsql;

namespace KestrelKv.Storage.Postgres.Sessions;

/// <summary>Creates the hosts of a connection string.</summary>
/// <remarks>
/// Npgsql's own data source for several hosts is not used. It caches the states of hosts, keeps connections to demoted servers, and takes
/// each server that is not in recovery for a primary.
/// </remarks>
internal static class HostList
{
    /// <summary>
    /// The maximum wait for the writer lock or a claim, in milliseconds. The statement then fails and is repeated on a new connection.
    /// </summary>
    private const int LockTimeout = 5_000;

    /// <summary>
    /// The time after which the server ends a transaction whose door does not continue it, in milliseconds. It releases the writer lock of
    /// a door that is suspended between its two trips.
    /// </summary>
    private const int IdleInTransactionTimeout = 2_000;

    private const int BufferBytes = 64 * 1024;

    /// <summary>The idle time and the interval after which the system verifies that the other end of a connection exists.</summary>
    private const int TcpKeepAliveSeconds = 3;

    /// <exception cref="ArgumentException">The connection string is invalid.</exception>
    public static IReadOnlyList<Host> Create(PostgresStoreOptions options) =>
        [.. Read(options).Select(host => new Host(host.Name, host.ConnectionString, options))];

    /// <summary>Returns the name and port of each host, and its connection string.</summary>
    /// <exception cref="ArgumentException">The connection string is invalid. The message has no secret.</exception>
    public static IReadOnlyList<(string Name, string ConnectionString)> Read(PostgresStoreOptions options)
    {
        NpgsqlConnectionStringBuilder connection = Parse(options);
        string[] names = connection.Host!.Split(',', StringSplitOptions.TrimEntries);
        int defaultPort = connection.Port;
        List<(string Name, string ConnectionString)> hosts = [];
        foreach (string name in names)
        {
            (connection.Host, connection.Port) = Split(name, defaultPort);
            string full = string.Create(CultureInfo.InvariantCulture, $"{connection.Host}:{connection.Port}");
            if (hosts.Exists(host => host.Name == full)) throw new ArgumentException($"The connection string names the host {full} twice.");
            hosts.Add((full, connection.ConnectionString));
        }
        return hosts;
    }

    private static NpgsqlConnectionStringBuilder Parse(PostgresStoreOptions options)
    {
        try
        {
            var connection = new NpgsqlConnectionStringBuilder(options.ConnectionString);
            if (string.IsNullOrWhiteSpace(connection.Host)) throw new ArgumentException("Host is missing");
            Set(connection, options);
            return connection;
        }
        catch (Exception e) when (e is ArgumentException or FormatException or InvalidOperationException)
        {
            // Without the inner exception: it may contain the value.
            throw new ArgumentException($"The connection string of PostgreSQL is invalid: {Reason(e, options.ConnectionString)}.");
        }
    }

    /// <summary>Returns the reason, without a name that may be the rest of a password.</summary>
    private static string Reason(Exception e, string connection)
    {
        bool mayBeSecret = e is ArgumentException { ParamName: { } name }
            && Regex.IsMatch(connection, $"(password|pwd)\\s*=[^;]*;\\s*{Regex.Escape(name)}\\s*=", RegexOptions.IgnoreCase);
        return mayBeSecret
            ? "the option after the password is unknown or has an invalid value. Quote a password that contains a semicolon"
            : e.Message.TrimEnd('.');
    }

    private static void Set(NpgsqlConnectionStringBuilder connection, PostgresStoreOptions options)
    {
        connection.Remove("Target Session Attributes");
        connection.Remove("Load Balance Hosts");
        connection.Pooling = false;
        connection.Multiplexing = false;
        connection.Enlist = false;
        connection.Timeout = (int)Math.Ceiling(options.ConnectTimeout.TotalSeconds);
        connection.CommandTimeout = 0;
        connection.CancellationTimeout = -1;
        connection.MaxAutoPrepare = 64;
        connection.AutoPrepareMinUsages = 2;
        connection.ReadBufferSize = BufferBytes;
        connection.WriteBufferSize = BufferBytes;

        // An abandoned trip to a machine that is gone must end: it occupies a session.
        connection.TcpKeepAlive = true;
        connection.TcpKeepAliveTime = TcpKeepAliveSeconds;
        connection.TcpKeepAliveInterval = TcpKeepAliveSeconds;

        // By default, Npgsql first asks for encryption by Kerberos: one more round trip to connect, and a wait for a Kerberos library that
        // may have no server. TLS is not affected.
        connection.GssEncryptionMode = GssEncryptionMode.Disable;

        // Messages must not contain keys or values.
        connection.IncludeErrorDetail = false;
        connection.SearchPath = options.Schema;
        connection.ApplicationName = "kestrelkv";

        // The server's setting of synchronous_commit may be weaker. It waits for the standby if there is a synchronous one. A plan that was
        // made for empty tables would scan them while they grow, until they are analyzed. All statements can use an index.
        connection.Options = string.Create(
            CultureInfo.InvariantCulture,
            $"{connection.Options} -c synchronous_commit=on -c statement_timeout=0 -c enable_seqscan=off -c lock_timeout={LockTimeout} " +
            $"-c idle_in_transaction_session_timeout={IdleInTransactionTimeout}").TrimStart();
    }

    /// <summary>Splits a host into name and port. A path is that of a Unix socket. An IPv6 address with a port has brackets.</summary>
    private static (string Host, int Port) Split(string name, int defaultPort)
    {
        if (name.Contains('@', StringComparison.Ordinal) && name[0] is not ('/' or '@'))
            throw new ArgumentException("The connection string has a host with a user, expected its name and port. Use Username and Password.");
        int colon = name.LastIndexOf(':');
        bool hasPort = colon > 0 && name[0] is not ('/' or '@') && (name[colon - 1] == ']' || name.IndexOf(':') == colon);
        (string host, int port) = (name, defaultPort);
        if (hasPort)
        {
            host = name[..colon];
            if (!ushort.TryParse(name.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out ushort given) || given == 0)
                throw new ArgumentException($"The connection string has the host {name}, expected a port from 1 to 65535 after the colon.");
            port = given;
        }
        if (host.Length == 0) throw new ArgumentException("The connection string has an empty name in its list of hosts.");
        return (host, port);
    }
}
