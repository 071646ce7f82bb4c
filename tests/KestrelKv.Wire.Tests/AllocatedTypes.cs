using System.Collections.Concurrent;
using System.Diagnostics.Tracing;
using System.Globalization;

namespace KestrelKv.Wire.Tests;

/// <summary>Samples allocations by type: one sample per 100 KiB, approximately.</summary>
internal sealed class AllocatedTypes : EventListener
{
    private readonly ConcurrentDictionary<string, int> _samples = new();

    /// <summary>Returns the types with the most samples, and their shares.</summary>
    public override string ToString()
    {
        double all = Math.Max(1, _samples.Values.Sum());
        return string.Join(", ", _samples.OrderByDescending(type => type.Value).Take(12)
            .Select(type => string.Create(CultureInfo.InvariantCulture, $"{type.Value / all:P0} {type.Key}")));
    }

    protected override void OnEventSourceCreated(EventSource eventSource)
    {
        const EventKeywords Gc = (EventKeywords)1;
        if (eventSource.Name == "Microsoft-Windows-DotNETRuntime") EnableEvents(eventSource, EventLevel.Verbose, Gc);
    }

    protected override void OnEventWritten(EventWrittenEventArgs eventData)
    {
        if (eventData.EventName?.StartsWith("GCAllocationTick", StringComparison.Ordinal) != true) return;
        int index = eventData.PayloadNames?.IndexOf("TypeName") ?? -1;
        if (index >= 0) _samples.AddOrUpdate($"{eventData.Payload![index]}", 1, (_, count) => count + 1);
    }
}
