using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using KestrelKv.Protocol;
using KestrelKv.Wire.Security;

namespace KestrelKv.Wire.Tests.Security;

/// <summary>Users whose secrets are their names. A test changes them like a reload of the users file.</summary>
internal sealed class TestUsers : IAccessControl
{
    private readonly Dictionary<string, Identity> _users = [];
    private int _epoch;

    public event Action? Changed;

    public int Epoch => _epoch;

    public bool AllowsPlaintext { get; set; }

    /// <summary>The identity of clients that have not authenticated.</summary>
    public Identity Anonymous { get; set; } = Identity.None;

    /// <summary>The functions that were refused, with the user.</summary>
    public List<(string? User, Function Function)> Denials { get; } = [];

    /// <summary>Adds or replaces a user, and makes open connections apply the change.</summary>
    public void Set(string name, params (string Prefix, Rights Rights)[] grants) => Set(name, ServerRights.None, grants);

    public void Set(string name, ServerRights server, params (string Prefix, Rights Rights)[] grants)
    {
        _users[name] = Identity.OfUser(name, Grants(grants), server, name);
        Publish();
    }

    /// <summary>Replaces a user without notice to open connections, which then find the change with their next request.</summary>
    public void Quietly(string name, params (string Prefix, Rights Rights)[] grants)
    {
        _users[name] = Identity.OfUser(name, Grants(grants), ServerRights.None, name);
        _epoch++;
    }

    public void Remove(string name)
    {
        _users.Remove(name);
        Publish();
    }

    public static IEnumerable<Grant> Grants(params (string Prefix, Rights Rights)[] grants) =>
        grants.Select(grant => new Grant(Encoding.UTF8.GetBytes(grant.Prefix), grant.Rights));

    public static string Auth(string user, string? secret = null) =>
        $$$"""{"func": "AUTH", "params": {"user": "{{{user}}}", "secret": "{{{secret ?? user}}}"}}""";

    public Identity Identify(IPAddress? address, X509Certificate2? certificate) => Anonymous;

    public ValueTask<Identity?> AuthenticateAsync(
        ReadOnlyMemory<byte> user, ReadOnlyMemory<byte> secret, IPAddress? address, CancellationToken cancellationToken) =>
        new(user.Span.SequenceEqual(secret.Span) ? _users.GetValueOrDefault(Encoding.UTF8.GetString(user.Span)) : null);

    public Identity? Refresh(Identity identity, IPAddress? address) =>
        identity.Credential is string name ? _users.GetValueOrDefault(name) : Anonymous;

    public void OnDenied(Identity identity, IPAddress? address, in Request request) => Denials.Add((identity.User, request.Function));

    private void Publish()
    {
        _epoch++;
        Changed?.Invoke();
    }
}
