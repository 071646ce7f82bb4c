using System.Diagnostics;
using KestrelKv.Protocol;

namespace KestrelKv.Wire;

/// <summary>
/// The spans of requests that have a <c>trace</c>, as children of the client's spans, by the OpenTelemetry conventions for databases.
/// They contain no keys, values, users or secrets.
/// </summary>
/// <remarks>
/// <see cref="Activity.Current"/> never is such a span: several requests of a connection are executed together, and an event loop serves
/// many connections. Thread-safe.
/// </remarks>
public sealed class RequestTracing : IDisposable
{
    /// <summary>The name of the source.</summary>
    public const string SourceName = "KestrelKv";

    /// <summary>The name of the database system, and of the span of a request whose function is not known.</summary>
    private const string SystemName = "kestrelkv";

    private readonly ActivitySource _source = new(SourceName);

    /// <summary>The source of the spans.</summary>
    public ActivitySource Source => _source;

    /// <summary>Begins the span of a request.</summary>
    /// <returns>The span; null if the request has no <c>trace</c>, or if no listener asks for it.</returns>
    public Activity? Begin(in Request request)
    {
        if (!request.HasTrace || !_source.HasListeners()) return null;

        ReadOnlySpan<byte> trace = request.Trace;
        var parent = new ActivityContext(
            ActivityTraceId.CreateFromUtf8String(TraceParent.TraceId(trace)),
            ActivitySpanId.CreateFromUtf8String(TraceParent.ParentId(trace)),
            TraceParent.IsSampled(trace) ? ActivityTraceFlags.Recorded : ActivityTraceFlags.None,
            traceState: null,
            isRemote: true);

        // The names of unknown functions are chosen by clients.
        string? function = request.Function > Function.Unknown ? Functions.Of(request.Function).Name : null;
        Activity? current = Activity.Current;
        Activity? span = _source.StartActivity(function ?? SystemName, ActivityKind.Server, parent);
        if (span is null) return null;
        Activity.Current = current;
        if (!span.IsAllDataRequested) return span;
        span.SetTag("db.system.name", SystemName);
        span.SetTag("db.operation.name", function);
        span.SetTag("network.transport", "tcp");

        // By the conventions, one operation is no batch.
        if (request.Options is { Operations.Length: > 1 and int operations }) span.SetTag("db.operation.batch.size", operations);
        return span;
    }

    /// <summary>Ends a span.</summary>
    /// <param name="span">The span; null for none.</param>
    /// <param name="error">The error code of the reply; null for a success.</param>
    public static void End(Activity? span, ErrorCode? error) => End(span, error is { } code ? ErrorCodes.Text(code) : null);

    /// <summary>Ends a span.</summary>
    /// <param name="span">The span; null for none.</param>
    /// <param name="error">What went wrong, one of few texts; null for a success.</param>
    internal static void End(Activity? span, string? error)
    {
        if (span is null) return;
        if (error is not null)
        {
            span.SetTag("error.type", error);
            span.SetStatus(ActivityStatusCode.Error, error);
        }
        Activity? current = Activity.Current;
        span.Stop();
        Activity.Current = current;
    }

    /// <inheritdoc/>
    public void Dispose() => _source.Dispose();
}
