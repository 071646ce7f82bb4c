using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using KestrelKv.Client;

namespace KestrelKv.Cli.Output;

/// <summary>Values of scans, watches and reads of many keys, with the exact bytes of their text.</summary>
internal static class RawValue
{
    /// <summary>The type to read values with. It has no limit on the depth: the server has one.</summary>
    public static readonly JsonTypeInfo<JsonElement> Type = JsonMetadataServices.CreateValueInfo<JsonElement>(
        new JsonSerializerOptions { MaxDepth = 100_000, TypeInfoResolver = JsonTypeInfoResolver.Combine() },
        JsonMetadataServices.JsonElementConverter);

    /// <summary>Returns the text of a value; empty if there is none.</summary>
    public static ReadOnlySpan<byte> Of(JsonElement value) =>
        value.ValueKind == JsonValueKind.Undefined ? default : JsonMarshal.GetRawUtf8Value(value);

    /// <summary>Returns the same entry with the text of its value.</summary>
    public static Entry<ReadOnlyMemory<byte>> Of(in Entry<JsonElement> entry) =>
        new(entry.Key, entry.Found, Of(entry.Value).ToArray(), entry.Version, entry.ExpiresAt);
}
