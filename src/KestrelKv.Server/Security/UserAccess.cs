using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using KestrelKv.Protocol;
using KestrelKv.Wire.Security;

namespace KestrelKv.Server.Security;

/// <summary>The users of the users file. Thread-safe; one thread at a time may reload it.</summary>
internal sealed class UserAccess : IAccessControl, IReloadable, IDisposable
{
    private readonly string _path;
    private readonly AuditLog _audit;
    private readonly AuthMetrics _metrics;
    private readonly LoginThrottle _throttle;
    private readonly TimeProvider _time;
    private readonly ITimer _expiry;
    private string _loaded;
    private volatile UserTable _table;
    private volatile int _epoch;

    /// <summary>Reads the users file.</summary>
    /// <exception cref="UsersFileException">The file cannot be read or is invalid.</exception>
    public UserAccess(SecurityOptions options, AuditLog audit, AuthMetrics metrics, TimeProvider time, ILogger<UserAccess> logger)
    {
        (_path, _audit, _metrics, _time) = (Path.GetFullPath(options.UsersFile), audit, metrics, time);
        AllowsPlaintext = options.AllowPlaintext;
        _throttle = new LoginThrottle(time);

        // Before the file is read, so that no change is missed.
        _loaded = UsersFile.Watch(_path).Fingerprint();
        _table = new UserTable(UsersFile.Read(_path));
        UsersFilePermissions.WarnIfOthersCanWrite(_path, logger);
        _expiry = time.CreateTimer(static access => ((UserAccess)access!).Publish(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        SetExpiry();
    }

    /// <inheritdoc/>
    public event Action? Changed;

    /// <inheritdoc/>
    public int Epoch => _epoch;

    /// <inheritdoc/>
    public bool AllowsPlaintext { get; }

    /// <inheritdoc/>
    public Identity Identify(IPAddress? address, X509Certificate2? certificate) => _table.Identify(address, certificate);

    /// <inheritdoc/>
    public ValueTask<Identity?> AuthenticateAsync(
        ReadOnlyMemory<byte> user, ReadOnlyMemory<byte> secret, IPAddress? address, CancellationToken cancellationToken) =>
        AuthenticateAsync(Encoding.UTF8.GetString(user.Span), Secret.Hash(secret.Span), address, cancellationToken);

    /// <summary>Checks a secret whose user is not named. A failure takes longer if the address has caused many.</summary>
    public ValueTask<Identity?> AuthenticateBearerAsync(string secret, IPAddress? address, CancellationToken cancellationToken)
    {
        byte[] hash = Secret.Hash(Encoding.UTF8.GetBytes(secret));
        return AuthenticateAsync(_table.NameOfSecret(hash), hash, address, cancellationToken);
    }

    /// <summary>Returns the identity of a user of an OpenID provider with roles of the file; null if none of the roles exists.</summary>
    public Identity? OfRoles(string subject, IEnumerable<string> roles) => _table.OfRoles(subject, [.. roles]);

    /// <inheritdoc/>
    public Identity? Refresh(Identity identity, IPAddress? address) => _table.Refresh(identity, address, _time.GetUtcNow());

    /// <inheritdoc/>
    public void OnDenied(Identity identity, IPAddress? address, in Request request)
    {
        _metrics.Denied(AuditLog.NameOf(request.Function));
        _audit.Denied(identity, address, request);
    }

    /// <summary>Records a refused HTTP request for which no wire request exists.</summary>
    public void OnDenied(Identity identity, IPAddress? address, string operation)
    {
        _metrics.Denied(operation);
        _audit.Denied(identity, address, operation);
    }

    /// <summary>Records a refused token of the OpenID provider.</summary>
    public void OnTokenRefused(IPAddress? address, string reason)
    {
        _metrics.Failed(reason);
        _audit.LoginFailed("", address, reason);
    }

    /// <inheritdoc/>
    public void Reload(bool always)
    {
        string found = UsersFile.Watch(_path).Fingerprint();
        if (!always && found == _loaded) return;
        _loaded = found;
        try
        {
            _table = new UserTable(UsersFile.Read(_path));
        }
        catch (UsersFileException e)
        {
            _metrics.Reloaded("error");
            _audit.NotReloaded(e.Message);
            return;
        }
        _metrics.Reloaded("ok");
        _audit.Reloaded(_table.Count);
        Publish();
    }

    /// <inheritdoc/>
    public void Dispose() => _expiry.Dispose();

    private async ValueTask<Identity?> AuthenticateAsync(string user, byte[] hash, IPAddress? address, CancellationToken cancellationToken)
    {
        (Identity? identity, string reason) = _table.Authenticate(user, hash, _time.GetUtcNow());
        if (identity is not null)
        {
            _metrics.LoggedIn();
            _audit.LoginSucceeded(user, address);
            return identity;
        }
        _metrics.Failed(reason);
        _audit.LoginFailed(user, address, reason);
        TimeSpan delay = _throttle.OnFailure(address);
        if (delay > TimeSpan.Zero) await Task.Delay(delay, _time, cancellationToken);
        return null;
    }

    /// <summary>Makes all clients refresh their identities.</summary>
    private void Publish()
    {
        Interlocked.Increment(ref _epoch);
        Changed?.Invoke();
        SetExpiry();
    }

    /// <summary>Sets the timer to the time at which the next secret expires.</summary>
    private void SetExpiry()
    {
        DateTimeOffset now = _time.GetUtcNow();
        if (_table.NextExpiry(now) is not { } next) return;

        // At most a day, because timers have a maximum, and because the system clock can be changed.
        TimeSpan wait = next - now;
        _expiry.Change(wait < TimeSpan.FromDays(1) ? wait + TimeSpan.FromMilliseconds(1) : TimeSpan.FromDays(1), Timeout.InfiniteTimeSpan);
    }
}
