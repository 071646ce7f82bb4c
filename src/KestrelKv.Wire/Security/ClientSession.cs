using System.Net;
using System.Security.Cryptography.X509Certificates;
using KestrelKv.Protocol;
using Microsoft.AspNetCore.Connections;

namespace KestrelKv.Wire.Security;

/// <summary>The identity of one connection's client, from AUTH or a certificate, and the check of its requests.</summary>
/// <remarks>Must be used by one thread at a time, except <see cref="IsAdmitted"/>, which any thread may read.</remarks>
internal sealed class ClientSession(WireConnection owner, IAccessControl access, WireConnections connections, RequestLimits limits)
{
    /// <summary>The maximum length of a frame of a client that has not authenticated, in bytes.</summary>
    private const int FrameBytesMaxBefore = 16 * 1024;

    /// <summary>The number of failed authentications after which the connection is closed.</summary>
    private const int FailuresMax = 3;

    /// <summary>The error that ends a watch whose client has lost the right to it.</summary>
    public static ProtocolError WatchForbidden { get; } = new(
        ErrorCode.Forbidden, "the user may no longer watch this prefix; expected a grant that covers it");

    /// <summary>The error of a longer frame.</summary>
    public static ProtocolError FrameTooLong { get; } = new(
        ErrorCode.FrameTooLong, $"the length exceeds {FrameBytesMaxBefore} bytes, the maximum of a client that has not authenticated");

    private readonly LinkedListNode<WireConnection> _place = new(owner);
    private volatile Identity _identity = Identity.None;
    private IPAddress? _address;
    private X509Certificate2? _certificate;
    private bool _isSecure;

    /// <summary>Whether the last AUTH has failed. The client then has no rights without another AUTH.</summary>
    private bool _hasJustFailed;
    private int _epoch;
    private int _failures;

    public Identity Identity => _identity;

    /// <summary>Whether the client has authenticated, or has rights without.</summary>
    public bool IsAdmitted => _identity.IsAdmitted;

    /// <summary>Whether users, rights or secrets have changed since <see cref="Refresh"/>.</summary>
    public bool IsStale => _epoch != access.Epoch;

    /// <summary>Whether the client has failed to authenticate too often.</summary>
    public bool HasFailed => _failures >= FailuresMax;

    /// <summary>The maximum length of the client's next frame, in bytes.</summary>
    public int FrameBytesMax => _identity.IsAdmitted ? limits.FrameBytesMax : Math.Min(limits.FrameBytesMax, FrameBytesMaxBefore);

    /// <summary>Begins the session of a new client.</summary>
    public void Begin(ConnectionContext connection)
    {
        _address = (connection.RemoteEndPoint as IPEndPoint)?.Address;
        var tls = connection.Features.Get<ITlsFeature>();
        _isSecure = tls is not null || access.AllowsPlaintext || PeerGuard.IsThisMachine(connection);
        _certificate = tls?.ClientCertificate;
        _failures = 0;
        _hasJustFailed = false;
        _epoch = access.Epoch;
        _identity = access.Identify(_address, _certificate);
        if (!IsAdmitted) connections.AddUnauthenticated(_place);
    }

    /// <summary>Ends the session.</summary>
    public void End() => connections.RemoveUnauthenticated(_place);

    private void Become(Identity identity)
    {
        bool wasAdmitted = IsAdmitted;
        _identity = identity;
        if (identity.IsAdmitted == wasAdmitted) return;
        if (wasAdmitted)
        {
            owner.BeginAuthTimeout();
            connections.AddUnauthenticated(_place);
        }
        else connections.RemoveUnauthenticated(_place);
    }

    /// <summary>Applies changes of users, rights and secrets.</summary>
    /// <returns>False if the client's user or secret is no longer valid.</returns>
    public bool Refresh()
    {
        // The epoch is read first: a later change is found by the next call.
        int epoch = access.Epoch;
        Identity? identity = Current();
        _epoch = epoch;
        Become(identity ?? Identity.None);
        return identity is not null;
    }

    /// <summary>Replaces the requests that the client may not execute by their refusals.</summary>
    /// <param name="requests">The requests.</param>
    /// <param name="areNew">Whether the requests have not been checked before.</param>
    public void Check(Span<Request> requests, bool areNew)
    {
        foreach (ref Request request in requests)
        {
            if (AccessCheck.Find(request, _identity) is { } error)
            {
                access.OnDenied(_identity, _address, request);
                request = request.Refused(error);
            }
            else if (request.Function == Function.Info || (areNew && request.HasRequestId))
            {
                request = AccessCheck.Restrict(request, _identity);
            }
        }
    }

    /// <summary>Whether the client may still watch a prefix.</summary>
    public bool MayWatch(ReadOnlySpan<byte> prefix, bool values) => MayWatch(_identity, prefix, values);

    /// <summary>Whether the client may still watch a prefix, after changes that <see cref="Refresh"/> has not applied yet.</summary>
    public bool MayStillWatch(ReadOnlySpan<byte> prefix, bool values) => !IsStale || Current() is { } identity && MayWatch(identity, prefix, values);

    /// <summary>Executes AUTH and writes <c>{"user": NAME}</c>. A failure ends the previous identity.</summary>
    public async ValueTask<ProtocolError?> AuthenticateAsync(Request request, TextBuffer response, CancellationToken cancellationToken)
    {
        Become(Identity.None);
        _hasJustFailed = true;
        if (!_isSecure)
        {
            _failures++;
            return ProtocolError.TlsRequired;
        }

        RequestOptions options = request.Options!;
        int epoch = access.Epoch;
        if (await access.AuthenticateAsync(options.User, options.Secret, _address, cancellationToken) is not { } identity)
        {
            _failures++;
            return ProtocolError.AuthFailed;
        }
        _epoch = epoch;
        _hasJustFailed = false;
        _failures = 0;
        Become(identity);
        response.Write("{\"user\": "u8);
        response.WriteString(identity.User!);
        response.Write("}"u8);
        return null;
    }

    private static bool MayWatch(Identity identity, ReadOnlySpan<byte> prefix, bool values) =>
        identity.Allows(values ? Rights.Watch | Rights.Read : Rights.Watch, prefix);

    /// <summary>Returns the identity by the current users; null if the client's user or secret is no longer valid.</summary>
    private Identity? Current() =>
        _identity.User is not null ? access.Refresh(_identity, _address) :
        _hasJustFailed ? Identity.None : access.Identify(_address, _certificate);
}
