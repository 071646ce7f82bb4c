using System.Net;
using System.Text;
using System.Text.Json;
using KestrelKv.Protocol;
using KestrelKv.Wire.Security;

namespace KestrelKv.Server.Security;

/// <summary>
/// The audit log, with the category <c>KestrelKv.Audit</c> and the event names of the OWASP Logging Vocabulary. It never contains values,
/// secrets or headers, and keys only with <see cref="SecurityOptions.AuditKeys"/>.
/// </summary>
/// <remarks>
/// Refused clients could fill the log. Beyond 100 lines a second, failures are only counted, and the number is logged later. Thread-safe.
/// </remarks>
internal sealed partial class AuditLog(ILoggerFactory loggers, SecurityOptions options, TimeProvider time)
{
    /// <summary>The category.</summary>
    public const string Category = "KestrelKv.Audit";

    private const int LinesPerSecondMax = 100;
    private const int NameLengthMax = 64;

    private readonly ILogger _log = loggers.CreateLogger(Category);
    private readonly Lock _lock = new();
    private long _second;
    private int _lines;
    private long _suppressed;

    public void LoginSucceeded(string user, IPAddress? address) => Succeeded(_log, user, Plain(address));

    public void LoginFailed(string user, IPAddress? address, string reason)
    {
        if (MayWrite()) Failed(_log, NameToLog(user), Plain(address), reason);
    }

    public void Denied(Identity identity, IPAddress? address, in Request request)
    {
        if (!MayWrite()) return;
        string user = identity.User ?? "";
        if (options.AuditKeys) DeniedWithKey(_log, user, Plain(address), NameOf(request.Function), Printable(Encoding.UTF8.GetString(KeyOf(request))));
        else Denied(_log, user, Plain(address), NameOf(request.Function));
    }

    public void Denied(Identity identity, IPAddress? address, string operation)
    {
        if (MayWrite()) Denied(_log, identity.User ?? "", Plain(address), operation);
    }

    public void Reloaded(int users) => UsersReloaded(_log, users);

    public void NotReloaded(string reason) => UsersNotReloaded(_log, reason);

    private static IPAddress? Plain(IPAddress? address) => address is { IsIPv4MappedToIPv6: true } ? address.MapToIPv4() : address;

    /// <summary>Returns the name of a function for the audit log and the metrics.</summary>
    public static string NameOf(Function function) => function.ToString().ToUpperInvariant();

    private static ReadOnlySpan<byte> KeyOf(in Request request) =>
        request.Options is { Prefix.IsEmpty: false } options ? options.Prefix.Span : request.Key.Span;

    /// <summary>Returns the name that a client has sent, unless it cannot be a user's or may be a secret in the wrong place.</summary>
    private static string NameToLog(string user) =>
        user.Length == 0 || (UsersFileCheck.IsName(user) && !user.Contains(Secret.Prefix, StringComparison.Ordinal)) ? user : "(not a name)";

    /// <summary>Returns a key without line breaks and other control characters, truncated if long.</summary>
    private static string Printable(string text)
    {
        int length = Math.Min(text.Length, NameLengthMax);
        if (length < text.Length && char.IsHighSurrogate(text[length - 1])) length--;
        return JsonEncodedText.Encode(text.AsSpan(0, length)).ToString();
    }

    private bool MayWrite()
    {
        long suppressed = 0;
        lock (_lock)
        {
            long second = time.GetTimestamp() / time.TimestampFrequency;
            if (second != _second) (_second, _lines, suppressed, _suppressed) = (second, 0, _suppressed, 0);
            if (++_lines > LinesPerSecondMax)
            {
                _suppressed++;
                return false;
            }
        }
        if (suppressed > 0) Suppressed(_log, suppressed);
        return true;
    }

    [LoggerMessage(300, LogLevel.Debug, "authn_login_success: user {User} from {Address}")]
    private static partial void Succeeded(ILogger logger, string user, IPAddress? address);

    [LoggerMessage(301, LogLevel.Warning, "authn_login_fail: user \"{User}\" from {Address}: {Reason}")]
    private static partial void Failed(ILogger logger, string user, IPAddress? address, string reason);

    [LoggerMessage(302, LogLevel.Warning, "authz_fail: user \"{User}\" from {Address}: {Function}")]
    private static partial void Denied(ILogger logger, string user, IPAddress? address, string function);

    [LoggerMessage(303, LogLevel.Warning, "authz_fail: user \"{User}\" from {Address}: {Function} of \"{Key}\"")]
    private static partial void DeniedWithKey(ILogger logger, string user, IPAddress? address, string function, string key);

    [LoggerMessage(304, LogLevel.Information, "privilege_permissions_changed: the users file was reloaded, {Users} users")]
    private static partial void UsersReloaded(ILogger logger, int users);

    [LoggerMessage(305, LogLevel.Error, "The users file was not reloaded, and the previous users remain: {Reason}")]
    private static partial void UsersNotReloaded(ILogger logger, string reason);

    [LoggerMessage(306, LogLevel.Warning, "{Count} failed authentications and refusals were not logged one by one")]
    private static partial void Suppressed(ILogger logger, long count);
}
