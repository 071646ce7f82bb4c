using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using KestrelKv.Protocol;
using KestrelKv.Wire.Security;

namespace KestrelKv.Server.Security;

/// <summary>The users of one version of the file. Immutable and thread-safe.</summary>
internal sealed class UserTable
{
    /// <summary>The number of secrets that every check compares, so that its duration does not reveal whether a user exists.</summary>
    private const int ComparisonsMin = 2;

    private static readonly User Nobody = new("", false, [], ServerRights.None, [], []);
    private static readonly byte[] NoHash = new byte[SHA256.HashSizeInBytes];

    private readonly UsersFile _file;
    private readonly Dictionary<string, User> _users = [];
    private readonly Dictionary<string, User> _byFingerprint = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, User> _byHash = new(StringComparer.OrdinalIgnoreCase);
    private readonly IPNetwork[] _anonymousFrom;
    private readonly Identity _anonymous;

    public UserTable(UsersFile file)
    {
        _file = file;
        foreach ((string name, UserEntry entry) in file.Users)
        {
            (List<Grant> grants, ServerRights server) = RightsOf(entry.Roles);
            var user = new User(name, entry.Enabled, grants, server, [.. (entry.Secrets ?? []).Select(ToStored)], [.. entry.Certificates ?? []]);
            _users[name] = user;
            foreach (string fingerprint in user.Fingerprints) _byFingerprint[fingerprint] = user;
            foreach (SecretEntry secret in entry.Secrets ?? []) _byHash[secret.Sha256] = user;
        }
        _anonymousFrom = [.. (file.Anonymous?.From ?? []).Select(IPNetwork.Parse)];
        (List<Grant> open, ServerRights openServer) = RightsOf(file.Anonymous?.Roles ?? []);
        _anonymous = Identity.OfAnonymous(open, openServer);
    }

    /// <summary>The number of users.</summary>
    public int Count => _users.Count;

    /// <summary>Returns the time at which the next secret expires; null for none.</summary>
    public DateTimeOffset? NextExpiry(DateTimeOffset now) =>
        _users.Values.SelectMany(user => user.Secrets).Where(secret => secret.Expires > now).Min(secret => secret.Expires);

    /// <summary>Returns the identity of a user with a secret, or the reason for its refusal.</summary>
    public (Identity? Identity, string Reason) Authenticate(string name, byte[] hash, DateTimeOffset now)
    {
        if (!_users.TryGetValue(name, out User? user)) user = Nobody;
        StoredSecret? match = null;
        for (int i = 0; i < Math.Max(user.Secrets.Length, ComparisonsMin); i++)
        {
            bool exists = i < user.Secrets.Length;
            if (CryptographicOperations.FixedTimeEquals(exists ? user.Secrets[i].Hash : NoHash, hash) && exists) match = user.Secrets[i];
        }
        return
            match is null ? (null, user == Nobody ? "unknown_user" : "wrong_secret") :
            !user.IsEnabled ? (null, "disabled") :
            match.Expires <= now ? (null, "expired") : (user.With(new SecretCredential(hash)), "");
    }

    /// <summary>Returns the name of the user that has a secret; empty if there is none.</summary>
    /// <remarks>The look-up is by hash. Its duration reveals nothing about a secret, because a hash cannot be chosen.</remarks>
    public string NameOfSecret(byte[] hash) => _byHash.TryGetValue(Convert.ToHexString(hash), out User? user) ? user.Name : "";

    /// <summary>Returns the identity of a client that has sent no secret.</summary>
    public Identity Identify(IPAddress? address, X509Certificate2? certificate)
    {
        if (certificate is not null)
        {
            string fingerprint = UsersFileCheck.FingerprintPrefix + certificate.GetCertHashString(HashAlgorithmName.SHA256);
            if (_byFingerprint.TryGetValue(fingerprint, out User? user) && user.IsEnabled) return user.With(new CertificateCredential(fingerprint));
        }
        IPAddress? plain = address is { IsIPv4MappedToIPv6: true } ? address.MapToIPv4() : address;
        return plain is not null && Array.Exists(_anonymousFrom, network => network.Contains(plain)) ? _anonymous : Identity.None;
    }

    /// <summary>Returns the identity of an external user with roles of this file; null if none of the roles exists.</summary>
    public Identity? OfRoles(string subject, IReadOnlyList<string> roles)
    {
        string[] known = [.. roles.Where(_file.Roles.ContainsKey)];
        if (known.Length == 0) return null;
        (List<Grant> grants, ServerRights server) = RightsOf(known);
        return Identity.OfUser(subject, grants, server, new RolesCredential(roles));
    }

    /// <summary>Returns the identity of this table for a client identified by an earlier one; null if its credential is no longer valid.</summary>
    public Identity? Refresh(Identity identity, IPAddress? address, DateTimeOffset now)
    {
        switch (identity.Credential)
        {
            case SecretCredential secret: return Authenticate(identity.User!, secret.Hash, now).Identity;
            case RolesCredential external: return OfRoles(identity.User!, external.Roles);
            case CertificateCredential certificate:
                return _byFingerprint.TryGetValue(certificate.Fingerprint, out User? user) && user.IsEnabled && user.Name == identity.User
                    ? user.With(certificate)
                    : null;
            default: return Identify(address, null);
        }
    }

    private static StoredSecret ToStored(SecretEntry entry) => new(Convert.FromHexString(entry.Sha256), entry.Expires);

    private (List<Grant> Grants, ServerRights Server) RightsOf(IEnumerable<string> roles)
    {
        List<Grant> grants = [];
        var server = ServerRights.None;
        foreach (RoleEntry role in roles.Select(name => _file.Roles[name]))
        {
            foreach (GrantEntry grant in role.Grants ?? [])
            {
                Rights rights = grant.Allow.Aggregate(Rights.None, (all, right) => all | right switch
                {
                    KeyRight.Read => Rights.Read,
                    KeyRight.Write => Rights.Write,
                    _ => Rights.Watch,
                });
                grants.Add(new Grant(Encoding.UTF8.GetBytes(grant.Prefix), rights));
            }
            foreach (ServerRight right in role.Server ?? []) server |= right == ServerRight.Admin ? ServerRights.Admin : ServerRights.Metrics;
        }
        return (grants, server);
    }

    private sealed record User(
        string Name, bool IsEnabled, List<Grant> Grants, ServerRights Server, StoredSecret[] Secrets, string[] Fingerprints)
    {
        public Identity With(object credential) => Identity.OfUser(Name, Grants, Server, credential);
    }

    private sealed record StoredSecret(byte[] Hash, DateTimeOffset? Expires);

    private sealed record SecretCredential(byte[] Hash);

    private sealed record CertificateCredential(string Fingerprint);

    private sealed record RolesCredential(IReadOnlyList<string> Roles);
}
