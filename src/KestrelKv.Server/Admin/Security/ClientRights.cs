using System.Net;
using KestrelKv.Protocol;
using KestrelKv.Wire.Security;

namespace KestrelKv.Server.Admin.Security;

/// <summary>The rights of a client during a long response, such as an event stream. Thread-safe.</summary>
internal sealed class ClientRights : IDisposable
{
    /// <summary>The longest period of a timer. A token that is valid for longer is checked again after it.</summary>
    private static readonly TimeSpan PeriodMax = TimeSpan.FromDays(1);

    private static readonly ProtocolError Forbidden = new(
        ErrorCode.Forbidden, "the client has lost the rights to this request, expected a role that grants them");

    private readonly IAccessControl _access;
    private readonly TimeProvider _time;
    private readonly RequestClient _client;
    private readonly IPAddress? _address;
    private readonly Predicate<Identity> _allows;
    private readonly ITimer? _expiry;

    // Not disposed: it has no timer and no wait handle, and a change of the users may cancel it at any time.
    private readonly CancellationTokenSource _lost = new();
    private volatile ProtocolError? _error;

    /// <summary>Begins to observe the rights.</summary>
    /// <param name="access">The users.</param>
    /// <param name="time">The clock.</param>
    /// <param name="client">The client.</param>
    /// <param name="address">The client's address.</param>
    /// <param name="allows">Whether an identity has the rights. Must be thread-safe, and must not block or throw.</param>
    public ClientRights(
        IAccessControl access, TimeProvider time, RequestClient client, IPAddress? address, Predicate<Identity> allows)
    {
        (_access, _time, _client, _address, _allows) = (access, time, client, address, allows);
        if (client.Expires is not null)
        {
            _expiry = time.CreateTimer(
                static rights => ((ClientRights)rights!).Check(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
        access.Changed += Check;

        // The users may have changed since the request was authenticated.
        Check();
    }

    /// <summary>The reason why the client has lost its rights; null if it has not.</summary>
    public ProtocolError? Error => _error;

    /// <summary>The token that is canceled when the client loses its rights. <see cref="Error"/> is set before.</summary>
    public CancellationToken Lost => _lost.Token;

    /// <inheritdoc/>
    public void Dispose()
    {
        _access.Changed -= Check;
        _expiry?.Dispose();
    }

    private void Check()
    {
        if (_error is not null) return;
        TimeSpan remaining = (_client.Expires ?? DateTimeOffset.MaxValue) - _time.GetUtcNow();
        Identity? identity = remaining > TimeSpan.Zero ? _access.Refresh(_client.Identity, _address) : null;
        if (identity is not null && _allows(identity))
        {
            _expiry?.Change(remaining < PeriodMax ? remaining + TimeSpan.FromMilliseconds(1) : PeriodMax, Timeout.InfiniteTimeSpan);
            return;
        }
        _error = identity is null ? ProtocolError.AuthRevoked : Forbidden;

        // The callbacks run on the thread pool, because handlers of Changed must not block.
        _ = _lost.CancelAsync();
    }
}
