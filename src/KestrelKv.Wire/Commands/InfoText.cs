using System.Reflection;
using KestrelKv.Protocol;
using KestrelKv.Storage;

namespace KestrelKv.Wire;

/// <summary>Writes the response object of INFO.</summary>
internal static class InfoText
{
    private static readonly string Version =
        (typeof(InfoText).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "").Split('+')[0];

    /// <summary><c>{"server": "KestrelKv", "server_version": TEXT, "protocol_version": 1, "uptime_seconds": N, ...}</c></summary>
    public static void Write(TextBuffer text, in StoreStats stats, WireConnections connections, bool isBrief)
    {
        text.Write("{\"server\": \"KestrelKv\", \"server_version\": "u8);
        text.WriteString(Version);
        text.WriteMember(", \"protocol_version\": "u8, FrameReader.Version);
        if (isBrief)
        {
            text.Write("}"u8);
            return;
        }
        text.WriteMember(", \"uptime_seconds\": "u8, (long)connections.Uptime.TotalSeconds);
        text.WriteMember(", \"connections\": "u8, connections.Count);
        text.WriteMember(", \"keys\": "u8, stats.Keys);
        text.WriteMember(", \"bytes\": "u8, stats.Bytes);
        text.WriteMember(", \"memory_bytes\": "u8, stats.MemoryBytes);
        text.WriteMember(", \"memory_bytes_max\": "u8, stats.MemoryBytesMax);
        text.Write(", \"eviction\": "u8);
        text.WriteString(stats.Evicts ? "Lru" : "None");
        text.Write(", \"durability\": "u8);
        text.WriteString(stats.Durability.ToString());
        text.WriteMember(", \"version\": "u8, stats.Version);
        text.WriteMember(", \"durable_version\": "u8, stats.DurableVersion);
        text.WriteMember(", \"oldest_version\": "u8, stats.OldestVersion);
        text.WriteMember(", \"watches\": "u8, stats.Watches);
        text.WriteMember(", \"request_ids\": "u8, stats.RequestIds);
        text.Write("}"u8);
    }
}
