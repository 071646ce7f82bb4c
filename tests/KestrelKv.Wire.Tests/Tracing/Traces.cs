using System.Diagnostics;

namespace KestrelKv.Wire.Tests;

/// <summary>Requests with <c>trace</c>.</summary>
internal static class Traces
{
    public const string TraceId = "4bf92f3577b34da6a3ce929d0e0e4736";

    public const string ParentId = "00f067aa0ba902b7";

    public static string Sampled(string body) => With(body, "01");

    public static string Unsampled(string body) => With(body, "00");

    private static string With(string body, string flags) => $"{body[..^1]}, \"trace\": \"00-{TraceId}-{ParentId}-{flags}\"}}";
}

/// <summary>Records the spans of one source.</summary>
internal sealed class SpanRecorder : IDisposable
{
    private readonly ActivityListener _listener;

    /// <param name="source">The source.</param>
    /// <param name="sample">The sampling; by default, everything is recorded.</param>
    public SpanRecorder(ActivitySource source, SampleActivity<ActivityContext>? sample = null)
    {
        _listener = new ActivityListener
        {
            ShouldListenTo = candidate => candidate == source,
            Sample = sample ?? ((ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded),
            ActivityStarted = Begun.Add,
            ActivityStopped = Ended.Add,
        };
        ActivitySource.AddActivityListener(_listener);
    }

    public List<Activity> Begun { get; } = [];

    public List<Activity> Ended { get; } = [];

    /// <summary>The names of the ended spans with their errors, in the order in which they ended.</summary>
    public IEnumerable<string> Outcomes => Ended.Select(span => span.GetTagItem("error.type") is string error ? $"{span.DisplayName} {error}" : span.DisplayName);

    public void Dispose() => _listener.Dispose();
}
