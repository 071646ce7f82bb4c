using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace KestrelKv.Extensions.Caching.Payloads;

/// <summary>Bytes to store as a JSON value. They are encoded straight into the request.</summary>
/// <remarks>
/// <para>
/// Without a sliding window, the value is a string in Base64: <c>"aGVsbG8="</c>. The expiry is that of the entry alone. With a sliding window, it
/// is <c>{"x":[1200000],"v":"aGVsbG8="}</c>: see <see cref="SlidingExpiry"/>. The member <c>x</c> comes first, so a reader knows whether the entry
/// has expired before it decodes the bytes.
/// </para>
/// <para>
/// Base64 takes a third more space than the bytes, for any bytes, and is encoded and decoded by vector instructions. A JSON string with one
/// character per byte takes half as much again for random bytes, and needs escapes.
/// </para>
/// </remarks>
/// <param name="bytes">The bytes. They must not change until the call that writes them has ended.</param>
/// <param name="sliding">The sliding window; null for none.</param>
internal readonly struct Payload(ReadOnlySequence<byte> bytes, SlidingExpiry? sliding)
{
    public static JsonTypeInfo<Payload> Type { get; } = PayloadTypes.Create(new Converter());

    private void WriteTo(Utf8JsonWriter writer)
    {
        if (sliding is not { } expiry)
        {
            WriteBytes(writer);
            return;
        }
        writer.WriteStartObject();
        writer.WritePropertyName("x"u8);
        expiry.Write(writer);
        writer.WritePropertyName("v"u8);
        WriteBytes(writer);
        writer.WriteEndObject();
    }

    private void WriteBytes(Utf8JsonWriter writer)
    {
        if (bytes.IsSingleSegment)
        {
            writer.WriteBase64StringValue(bytes.FirstSpan);
            return;
        }
        foreach (ReadOnlyMemory<byte> segment in bytes) writer.WriteBase64StringSegment(segment.Span, isFinalSegment: false);
        writer.WriteBase64StringSegment([], isFinalSegment: true);
    }

    private sealed class Converter : JsonConverter<Payload>
    {
        public override Payload Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            throw new NotSupportedException("PayloadDecoder reads payloads.");

        public override void Write(Utf8JsonWriter writer, Payload value, JsonSerializerOptions options) => value.WriteTo(writer);
    }
}
