using System.Diagnostics.Metrics;
using KestrelKv.Protocol;
using KestrelKv.Wire;

namespace KestrelKv.Server.Security;

/// <summary>The metrics of authentication and authorization. No label contains a user's name.</summary>
internal sealed class AuthMetrics
{
    public const string MeterName = "KestrelKv.Auth";

    private readonly Counter<long> _logins;
    private readonly Counter<long> _failures;
    private readonly Counter<long> _denials;
    private readonly Counter<long> _reloads;

    public AuthMetrics(IMeterFactory meters, WireConnections connections)
    {
        Meter meter = meters.Create(MeterName);
        _logins = meter.CreateCounter<long>("kestrelkv.auth.logins", "{login}", "Successful authentications.");
        _failures = meter.CreateCounter<long>("kestrelkv.auth.failures", "{login}", "Failed authentications, by reason.");
        _denials = meter.CreateCounter<long>("kestrelkv.auth.denials", "{request}", "Requests refused for lack of rights, by function.");
        _reloads = meter.CreateCounter<long>("kestrelkv.auth.reloads", "{reload}", "Attempts to read the users file again, by outcome.");
        meter.CreateObservableUpDownCounter("kestrelkv.auth.unauthenticated", () => connections.Unauthenticated, "{connection}",
            "Open connections of the wire whose clients have not authenticated.");

        // Prometheus computes rates only of counters that exist before the first event.
        _logins.Add(0);
        foreach (string outcome in (string[])["ok", "error"]) Reloaded(outcome, 0);
    }

    public void LoggedIn() => _logins.Add(1);

    public void Failed(string reason) => _failures.Add(1, new KeyValuePair<string, object?>("reason", reason));

    public void Denied(Function function) =>
        _denials.Add(1, new KeyValuePair<string, object?>("function", function.ToString().ToUpperInvariant()));

    public void Reloaded(string outcome, int count = 1) => _reloads.Add(count, new KeyValuePair<string, object?>("outcome", outcome));
}
