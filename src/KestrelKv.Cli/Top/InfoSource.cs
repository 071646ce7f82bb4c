using System.Diagnostics;
using System.Text.Json;
using KestrelKv.Client;

namespace KestrelKv.Cli.Top;

/// <summary>Figures of the function INFO.</summary>
internal sealed class InfoSource(KestrelKvClient client) : ITopSource
{
    private long? _lastVersion;
    private long _lastTime;
    private long? _lastUptime;

    public async Task<TopSample?> ReadAsync(CancellationToken stop)
    {
        JsonElement info = await client.InfoAsync(cancellationToken: stop);
        (long? before, long beforeTime, long? beforeUptime) = (_lastVersion, _lastTime, _lastUptime);
        (_lastVersion, _lastTime, _lastUptime) = (Number(info, "version"), Stopwatch.GetTimestamp(), Number(info, "uptime_seconds"));
        if (beforeTime == 0) return null;
        double seconds = Stopwatch.GetElapsedTime(beforeTime, _lastTime).TotalSeconds;
        return new TopSample
        {
            Time = DateTimeOffset.UtcNow,
            Seconds = seconds,
            Source = "info",
            Commits = TopSample.CommitsOf(before, _lastVersion, seconds, isRestart: _lastUptime < beforeUptime),
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
