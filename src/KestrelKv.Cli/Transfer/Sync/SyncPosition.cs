using System.Text.Json;
using System.Text.Json.Serialization;

namespace KestrelKv.Cli.Transfer.Sync;

/// <summary>The value of the position entry in the destination.</summary>
/// <param name="Source">The source, as host and port.</param>
/// <param name="Version">All changes of the source up to this version are applied; -1 during a merge.</param>
/// <param name="ConsistentFrom">From this version on, the destination has a state that the source has had.</param>
/// <param name="Writer">An identifier of the process that has written the entry.</param>
internal sealed record SyncPosition(string Source, long Version, long ConsistentFrom, string Writer)
{
    /// <summary>The beginning of the keys of position entries. Entries with such keys are neither copied nor removed.</summary>
    public const string KeyPrefix = "kkv:sync:";

    /// <summary>The version during a merge.</summary>
    public const long Merging = -1;

    [JsonIgnore]
    public bool IsConsistent => Version >= 0 && Version >= ConsistentFrom;

    public static bool IsKey(ReadOnlySpan<byte> key) => key.StartsWith("\"kkv:sync:"u8);

    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, SyncPositionJson.Default.SyncPosition);

    /// <summary>Reads a position; null if the entry is not one.</summary>
    public static SyncPosition? Parse(ReadOnlySpan<byte> json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, SyncPositionJson.Default.SyncPosition);
        }
        catch (JsonException)
        {
            return null; // Another program wrote the entry. A merge replaces it.
        }
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(SyncPosition))]
internal sealed partial class SyncPositionJson : JsonSerializerContext;
