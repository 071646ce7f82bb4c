using System.Collections.Concurrent;
using System.Diagnostics.Tracing;
using System.Globalization;

namespace KestrelKv.Wire.Tests;

/// <summary>Samples what is allocated, by type: one allocation in about 100 KiB.</summary>
internal sealed class AllocatedTypes : EventListener
{
    private readonly ConcurrentDictionary<string, int> _samples = new();

    /// <summary>The types with the most samples, each with its share.</summary>
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
        int place = eventData.PayloadNames?.IndexOf("TypeName") ?? -1;
        if (place >= 0) _samples.AddOrUpdate($"{eventData.Payload![place]}", 1, (_, count) => count + 1);
    }
}
