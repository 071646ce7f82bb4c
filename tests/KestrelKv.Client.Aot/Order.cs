using System.Text.Json.Serialization;

namespace KestrelKv.Client.Aot;

internal sealed record Order(string Customer, decimal Total, string[] Items);

/// <summary>A type without generated type information.</summary>
internal sealed record Stranger(string Name);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(Order))]
internal sealed partial class OrderJson : JsonSerializerContext;
