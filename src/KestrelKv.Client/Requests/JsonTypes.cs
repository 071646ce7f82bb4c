using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;

namespace KestrelKv.Client.Requests;

/// <summary>Returns how a type is converted to and from JSON. Numbers, texts and JSON itself need no reflection.</summary>
internal sealed class JsonTypes
{
    private readonly JsonSerializerOptions _options;

    public JsonTypes(JsonSerializerOptions? options)
    {
        _options = options is null ? new(JsonSerializerDefaults.Web) : new(options);
        _options.TypeInfoResolver = JsonTypeInfoResolver.Combine(_options.TypeInfoResolver ?? Reflection(), new BasicTypes());
        _options.MakeReadOnly();
    }

    /// <exception cref="InvalidOperationException">The type has no type information.</exception>
    public JsonTypeInfo<T> Of<T>()
    {
        try
        {
            return (JsonTypeInfo<T>)_options.GetTypeInfo(typeof(T));
        }
        catch (NotSupportedException e)
        {
            throw new InvalidOperationException(
                $"There is no JSON type information for {typeof(T)}. Pass a JsonTypeInfo<T>, or set KestrelKvClientOptions.Json with a TypeInfoResolver.", e);
        }
    }

    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = "Trimmed programs disable reflection by default.")]
    [UnconditionalSuppressMessage("AOT", "IL3050", Justification = "AOT programs disable reflection by default.")]
    private static DefaultJsonTypeInfoResolver? Reflection() =>
        JsonSerializer.IsReflectionEnabledByDefault ? new DefaultJsonTypeInfoResolver() : null;

    private sealed class BasicTypes : IJsonTypeInfoResolver
    {
        public JsonTypeInfo? GetTypeInfo(Type type, JsonSerializerOptions options)
        {
            if (type == typeof(string)) return JsonMetadataServices.CreateValueInfo<string>(options, JsonMetadataServices.StringConverter!);
            if (type == typeof(bool)) return JsonMetadataServices.CreateValueInfo<bool>(options, JsonMetadataServices.BooleanConverter);
            if (type == typeof(int)) return JsonMetadataServices.CreateValueInfo<int>(options, JsonMetadataServices.Int32Converter);
            if (type == typeof(long)) return JsonMetadataServices.CreateValueInfo<long>(options, JsonMetadataServices.Int64Converter);
            if (type == typeof(double)) return JsonMetadataServices.CreateValueInfo<double>(options, JsonMetadataServices.DoubleConverter);
            if (type == typeof(decimal)) return JsonMetadataServices.CreateValueInfo<decimal>(options, JsonMetadataServices.DecimalConverter);
            if (type == typeof(byte[])) return JsonMetadataServices.CreateValueInfo<byte[]>(options, JsonMetadataServices.ByteArrayConverter!);
            if (type == typeof(JsonElement)) return JsonMetadataServices.CreateValueInfo<JsonElement>(options, JsonMetadataServices.JsonElementConverter);
            if (type == typeof(JsonNode)) return JsonMetadataServices.CreateValueInfo<JsonNode>(options, JsonMetadataServices.JsonNodeConverter!);
            if (type == typeof(JsonObject)) return JsonMetadataServices.CreateValueInfo<JsonObject>(options, JsonMetadataServices.JsonObjectConverter!);
            return null;
        }
    }
}
