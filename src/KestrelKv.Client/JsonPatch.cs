using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using KestrelKv.Client.Requests;

namespace KestrelKv.Client;

/// <summary>The operations of a JSON Patch (RFC 6902), in order. Not thread-safe.</summary>
/// <example><code>new JsonPatch().Test("/state", "open").Replace("/state", "closed").Remove("/owner")</code></example>
public sealed class JsonPatch
{
    private readonly List<Action<Utf8JsonWriter, JsonTypes>> _operations = [];

    /// <summary>Adds a member to an object, or inserts an item into an array (<c>/items/-</c> appends).</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="path">The JSON Pointer of the new part.</param>
    /// <param name="value">The value.</param>
    /// <param name="type">How the value is converted; null for <see cref="KestrelKvClientOptions.Json"/>.</param>
    public JsonPatch Add<T>(string path, T value, JsonTypeInfo<T>? type = null) => AddOperation("add", path, null, value, type);

    /// <summary>Removes a part.</summary>
    /// <param name="path">The JSON Pointer of the part, which must exist.</param>
    public JsonPatch Remove(string path) => AddOperation<object>("remove", path, null, null, null, hasValue: false);

    /// <summary>Replaces a part.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="path">The JSON Pointer of the part, which must exist.</param>
    /// <param name="value">The value.</param>
    /// <param name="type">How the value is converted; null for <see cref="KestrelKvClientOptions.Json"/>.</param>
    public JsonPatch Replace<T>(string path, T value, JsonTypeInfo<T>? type = null) => AddOperation("replace", path, null, value, type);

    /// <summary>Moves a part.</summary>
    /// <param name="from">The JSON Pointer of the part, which must exist.</param>
    /// <param name="path">The JSON Pointer of its new place.</param>
    public JsonPatch Move(string from, string path) => AddOperationFrom("move", from, path);

    /// <summary>Copies a part.</summary>
    /// <param name="from">The JSON Pointer of the part, which must exist.</param>
    /// <param name="path">The JSON Pointer of the copy.</param>
    public JsonPatch Copy(string from, string path) => AddOperationFrom("copy", from, path);

    /// <summary>Requires that a part has a value. Otherwise the patch changes nothing, with <see cref="WriteStatus.TestFailed"/>.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="path">The JSON Pointer of the part.</param>
    /// <param name="value">The value.</param>
    /// <param name="type">How the value is converted; null for <see cref="KestrelKvClientOptions.Json"/>.</param>
    public JsonPatch Test<T>(string path, T value, JsonTypeInfo<T>? type = null) => AddOperation("test", path, null, value, type);

    internal ReadOnlyMemory<byte> ToUtf8(JsonTypes types)
    {
        var text = new ArrayBufferWriter<byte>();
        using var writer = new Utf8JsonWriter(text);
        writer.WriteStartArray();
        foreach (Action<Utf8JsonWriter, JsonTypes> write in _operations) write(writer, types);
        writer.WriteEndArray();
        writer.Flush();
        return text.WrittenMemory;
    }

    private JsonPatch AddOperationFrom(string operation, string from, string path)
    {
        RequestText.CheckPath(from, nameof(from));
        return AddOperation<object>(operation, path, from, null, null, hasValue: false);
    }

    private JsonPatch AddOperation<T>(string operation, string path, string? from, T? value, JsonTypeInfo<T>? type, bool hasValue = true)
    {
        RequestText.CheckPath(path, nameof(path));
        _operations.Add((writer, types) =>
        {
            writer.WriteStartObject();
            writer.WriteString("op"u8, operation);
            writer.WriteString("path"u8, path);
            if (from is not null) writer.WriteString("from"u8, from);
            if (hasValue)
            {
                writer.WritePropertyName("value"u8);
                JsonSerializer.Serialize(writer, value!, type ?? types.Of<T>());
            }
            writer.WriteEndObject();
        });
        return this;
    }
}
