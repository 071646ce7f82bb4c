using System.Text.Json.Serialization;

namespace KestrelKv.Extensions.Locks;

/// <summary>The value of a lock's key: who holds it. For people who look at a lock, and to recognize one's own lock.</summary>
/// <param name="Id">The id of the acquisition, unique.</param>
/// <param name="Host">The name of the machine.</param>
/// <param name="Process">The id of the process.</param>
/// <param name="AcquiredAt">The time of the acquisition, by the holder's clock.</param>
public sealed record LockHolder(
    [property: JsonPropertyName("id")] string Id,
    [property: JsonPropertyName("host")] string Host,
    [property: JsonPropertyName("process")] int Process,
    [property: JsonPropertyName("acquired_at")] DateTimeOffset AcquiredAt)
{
    internal static LockHolder Create(TimeProvider time) =>
        new(Guid.CreateVersion7().ToString("N"), Environment.MachineName, Environment.ProcessId, time.GetUtcNow());
}

[JsonSerializable(typeof(LockHolder))]
internal sealed partial class LockJson : JsonSerializerContext;
