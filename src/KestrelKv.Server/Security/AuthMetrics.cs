using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using KestrelKv.Wire;

namespace KestrelKv.Server.Security;

/// <summary>The metrics of authentication and authorization. No label contains a user's name. Thread-safe.</summary>
/// <remarks>The counts are kept here, because OpenTelemetry starts later than the server and would miss the first events.</remarks>
internal sealed class AuthMetrics
{
    public const string MeterName = "KestrelKv.Auth";

    private readonly ConcurrentDictionary<string, long> _failures = new();
    private readonly ConcurrentDictionary<string, long> _denials = new();
    private readonly ConcurrentDictionary<string, long> _reloads = new() { ["ok"] = 0, ["error"] = 0 };
    private long _logins;

    public AuthMetrics(IMeterFactory meters, WireConnections connections)
    {
        Meter meter = meters.Create(MeterName);
        meter.CreateObservableCounter("kestrelkv.auth.logins", () => Volatile.Read(ref _logins), "{login}", "Successful authentications.");
        meter.CreateObservableCounter("kestrelkv.auth.failures", () => Read(_failures, "reason"), "{login}",
            "Failed authentications, by reason.");
        meter.CreateObservableCounter("kestrelkv.auth.denials", () => Read(_denials, "function"), "{request}",
            "Requests refused for lack of rights, by function.");
        meter.CreateObservableCounter("kestrelkv.auth.reloads", () => Read(_reloads, "outcome"), "{reload}",
            "Attempts to reload the users file, by outcome.");
        meter.CreateObservableUpDownCounter("kestrelkv.auth.unauthenticated", () => connections.Unauthenticated, "{connection}",
            "Open connections of the wire whose clients have not authenticated.");
    }

    public void LoggedIn() => Interlocked.Increment(ref _logins);

    public void Failed(string reason) => Count(_failures, reason);

    public void Denied(string function) => Count(_denials, function);

    public void Reloaded(string outcome) => Count(_reloads, outcome);

    private static void Count(ConcurrentDictionary<string, long> counts, string label) =>
        counts.AddOrUpdate(label, 1, static (_, count) => count + 1);

    private static IEnumerable<Measurement<long>> Read(ConcurrentDictionary<string, long> counts, string label) =>
        counts.Select(count => new Measurement<long>(count.Value, new KeyValuePair<string, object?>(label, count.Key)));
}
