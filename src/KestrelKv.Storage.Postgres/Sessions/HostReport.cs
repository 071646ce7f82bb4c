using Npgsql;

namespace KestrelKv.Storage.Postgres.Sessions;

/// <summary>The result of a check of a host: the state of its server, or the failure.</summary>
internal sealed record HostReport(Host Host, ServerState? State, Exception? Failure)
{
    public bool IsPrimary => State is { IsPrimary: true };

    /// <inheritdoc/>
    public override string ToString() => State switch
    {
        { IsStandby: true } => $"{Host.Name} is a standby",
        { IsReadOnly: true } => $"{Host.Name} is read-only (default_transaction_read_only is on)",
        null when Failure is PostgresException => $"{Host.Name} refuses the connection ({Failures.Reason(Failure!)})",
        null => $"{Host.Name} does not answer ({Failures.Reason(Failure!)})",
        _ => $"{Host.Name} does not acknowledge commits",
    };
}

/// <summary>The exception thrown if no host is the primary.</summary>
internal sealed class NoPrimaryException(IReadOnlyList<HostReport> hosts) : Exception($"No primary was found: {string.Join("; ", hosts)}.")
{
    public IReadOnlyList<HostReport> Hosts => hosts;

    /// <summary>Whether no server has refused the connection for another reason than that it starts.</summary>
    public bool MayPass { get; } = hosts.All(
        host => host.Failure is not PostgresException { SqlState: not PostgresErrorCodes.CannotConnectNow } && host.State is not { IsReadOnly: true });

    /// <summary>Whether a server answered that is not the primary.</summary>
    public bool HasOthers { get; } = hosts.Any(host => host.State is { IsPrimary: false });
}
