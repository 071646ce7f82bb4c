using System.Text;
using KestrelKv.Protocol;

namespace KestrelKv.Wire.Security;

/// <summary>Rights of a client to the keys under a prefix.</summary>
/// <param name="Prefix">The prefix in UTF-8. The empty prefix covers all keys.</param>
/// <param name="Rights">The rights.</param>
public sealed record Grant(byte[] Prefix, Rights Rights);

/// <summary>Rights of a client to the server itself, as a set.</summary>
[Flags]
public enum ServerRights
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Statistics, snapshots and backups.</summary>
    Admin = 1,

    /// <summary>The metrics endpoint.</summary>
    Metrics = 2,
}

/// <summary>The name and the rights of a client. Immutable and thread-safe.</summary>
public sealed class Identity
{
    private readonly Grant[] _grants;

    private Identity(string? user, IEnumerable<Grant> grants, ServerRights server, object? credential)
    {
        User = user;
        _grants = [.. grants];
        Server = server;
        Credential = credential;

        // No user name contains the separator, so scopes of different users never overlap.
        RequestIdScope = Encoding.UTF8.GetBytes($"{user}\0");
    }

    /// <summary>A client that has not authenticated and has no rights.</summary>
    public static Identity None { get; } = new(null, [], ServerRights.None, null);

    /// <summary>The name of the user; null for a client that has not authenticated.</summary>
    public string? User { get; }

    /// <summary>The rights to the server itself.</summary>
    public ServerRights Server { get; }

    /// <summary>What the client has authenticated with, for <see cref="IAccessControl.Refresh"/>.</summary>
    public object? Credential { get; }

    /// <summary>Whether the client is a user, or one of the clients that have rights without authentication.</summary>
    public bool IsAdmitted => User is not null || _grants.Length > 0 || Server != ServerRights.None;

    /// <summary>The prefix of request ids. Each user has its own idempotency records.</summary>
    internal byte[] RequestIdScope { get; }

    /// <summary>Returns the identity of a user.</summary>
    public static Identity OfUser(string user, IEnumerable<Grant> grants, ServerRights server, object credential) =>
        new(user, grants, server, credential);

    /// <summary>Returns the identity of clients that have rights without authentication.</summary>
    public static Identity OfAnonymous(IEnumerable<Grant> grants, ServerRights server) => new(null, grants, server, null);

    /// <summary>Whether the grants together give all the rights to a key, or to all keys with a prefix.</summary>
    public bool Allows(Rights rights, ReadOnlySpan<byte> keyOrPrefix)
    {
        Rights missing = rights;
        foreach (Grant grant in _grants)
        {
            if ((missing & grant.Rights) == 0 || !keyOrPrefix.StartsWith(grant.Prefix)) continue;
            missing &= ~grant.Rights;
            if (missing == Rights.None) return true;
        }
        return false;
    }
}
