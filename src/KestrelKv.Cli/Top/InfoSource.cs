using System.Diagnostics;
using System.Text.Json;
using KestrelKv.Client;

namespace KestrelKv.Cli.Top;

/// <summary>Figures of the function INFO.</summary>
internal sealed class InfoSource(KestrelKvClient client) : ITopSource
{
    private long? _lastVersion;
    private long _lastTime;

    public async Task<TopSample?> ReadAsync(CancellationToken stop)
    {
        JsonElement info = await client.InfoAsync(cancellationToken: stop);
        (long? before, long beforeTime) = (_lastVersion, _lastTime);
        (_lastVersion, _lastTime) = (Number(info, "version"), Stopwatch.GetTimestamp());
        if (beforeTime == 0) return null;
        double seconds = Stopwatch.GetElapsedTime(beforeTime, _lastTime).TotalSeconds;
        return new TopSample
        {
            Time = DateTimeOffset.UtcNow,
            Seconds = seconds,
            Source = "info",
            Commits = _lastVersion - before is { } commits ? Math.Max(0, commits) / seconds : null,
            Connections = Number(info, "connections"),
            Watches = Number(info, "watches"),
            FeedLag = TopSample.LagOf(_lastVersion, Number(info, "durable_version")),
            Keys = Number(info, "keys"),
            Bytes = Number(info, "bytes"),
            MemoryBytes = Number(info, "memory_bytes"),
            MemoryLimitBytes = Number(info, "memory_bytes_max"),
        };
    }

    /// <summary>Returns a member; null if it is missing, because the user does not have the right <c>admin</c>.</summary>
    private static long? Number(JsonElement info, string name) => info.TryGetProperty(name, out JsonElement value) ? value.GetInt64() : null;
}
