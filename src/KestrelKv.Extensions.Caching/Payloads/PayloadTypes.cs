using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace KestrelKv.Extensions.Caching.Payloads;

/// <summary>Creates type information without reflection.</summary>
internal static class PayloadTypes
{
    private static readonly JsonSerializerOptions Options = new() { TypeInfoResolver = JsonTypeInfoResolver.Combine() };

    public static JsonTypeInfo<bool> Boolean { get; } = Create(JsonMetadataServices.BooleanConverter);

    public static JsonTypeInfo<string> String { get; } = Create(JsonMetadataServices.StringConverter)!;

    public static JsonTypeInfo<T> Create<T>(JsonConverter<T> converter) => JsonMetadataServices.CreateValueInfo<T>(Options, converter);

    public static JsonException Invalid() =>
        new("The value is no cache entry. Expected a string in Base64, or {\"x\": [window, latest], \"v\": \"...\"}. Another program may use the same prefix.");
}
