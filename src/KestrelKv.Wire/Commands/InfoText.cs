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
    public static void Write(TextBuffer text, in StoreStats stats, WireConnections connections)
    {
        text.Write("{\"server\": \"KestrelKv\", \"server_version\": "u8);
        text.WriteString(Version);
        WriteMember(text, ", \"protocol_version\": "u8, FrameReader.Version);
        WriteMember(text, ", \"uptime_seconds\": "u8, (long)connections.Uptime.TotalSeconds);
        WriteMember(text, ", \"connections\": "u8, connections.Count);
        WriteMember(text, ", \"keys\": "u8, stats.Keys);
        WriteMember(text, ", \"bytes\": "u8, stats.Bytes);
        WriteMember(text, ", \"memory_bytes\": "u8, stats.MemoryBytes);
        WriteMember(text, ", \"memory_bytes_max\": "u8, stats.MemoryBytesMax);
        text.Write(", \"durability\": "u8);
        text.WriteString(stats.Durability.ToString());
        WriteMember(text, ", \"version\": "u8, stats.Version);
        WriteMember(text, ", \"durable_version\": "u8, stats.DurableVersion);
        WriteMember(text, ", \"oldest_version\": "u8, stats.OldestVersion);
        WriteMember(text, ", \"watches\": "u8, stats.Watches);
        WriteMember(text, ", \"request_ids\": "u8, stats.RequestIds);
        text.Write("}"u8);
    }

    private static void WriteMember(TextBuffer text, ReadOnlySpan<byte> name, long number)
    {
        text.Write(name);
        text.WriteNumber(number);
    }
}
