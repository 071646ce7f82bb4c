using System.Buffers;
using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace KestrelKv.Extensions.Caching.Payloads;

/// <summary>
/// Decodes one stored value straight from the reply into the destination of the caller. It is the converter of its own type information, which is
/// how it gets at the bytes of the reply without a copy. Instances are reused. Not thread-safe.
/// </summary>
internal sealed class PayloadDecoder : JsonConverter<SlidingExpiry>
{
    private const int PooledMax = 256;

    private static readonly ConcurrentQueue<PayloadDecoder> Pool = new();

    private IBufferWriter<byte>? _destination;
    private DateTimeOffset _now;

    private PayloadDecoder() => TypeInfo = PayloadTypes.Create(this);

    /// <summary>The type to read. Its value is the sliding window, the default for none.</summary>
    public JsonTypeInfo<SlidingExpiry> TypeInfo { get; }

    /// <summary>The bytes, if there is no destination; null if the value was not read, or has expired.</summary>
    public byte[]? Bytes { get; private set; }

    /// <summary>Whether the value was decoded. It was not if its absolute expiry has passed.</summary>
    public bool HasDecoded { get; private set; }

    /// <summary>Returns a decoder for one call.</summary>
    /// <param name="destination">Receives the bytes; null for <see cref="Bytes"/>.</param>
    /// <param name="now">The time. A value whose absolute expiry has passed is not decoded.</param>
    public static PayloadDecoder Rent(IBufferWriter<byte>? destination, DateTimeOffset now)
    {
        if (!Pool.TryDequeue(out PayloadDecoder? decoder)) decoder = new();
        (decoder._destination, decoder._now) = (destination, now);
        return decoder;
    }

    /// <summary>Makes the decoder available to other calls.</summary>
    public void Return()
    {
        (_destination, Bytes, HasDecoded) = (null, null, false);
        if (Pool.Count < PooledMax) Pool.Enqueue(this);
    }

    public override SlidingExpiry Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.String)
        {
            Decode(ref reader);
            return default;
        }
        if (reader.TokenType != JsonTokenType.StartObject || !IsAt(ref reader, "x"u8)) throw PayloadTypes.Invalid();
        SlidingExpiry expiry = SlidingExpiry.Read(ref reader);
        if (!IsAt(ref reader, "v"u8) || reader.TokenType != JsonTokenType.String) throw PayloadTypes.Invalid();
        if (!expiry.HasPassed(_now)) Decode(ref reader);
        if (!reader.Read() || reader.TokenType != JsonTokenType.EndObject) throw PayloadTypes.Invalid();
        return expiry;
    }

    public override void Write(Utf8JsonWriter writer, SlidingExpiry value, JsonSerializerOptions options) =>
        throw new NotSupportedException("Payload writes payloads.");

    private static bool IsAt(ref Utf8JsonReader reader, ReadOnlySpan<byte> member) =>
        reader.Read() && reader.TokenType == JsonTokenType.PropertyName && reader.ValueTextEquals(member) && reader.Read();

    private void Decode(ref Utf8JsonReader reader)
    {
        ReadOnlySpan<byte> text = reader.ValueSpan;
        // This package writes neither escapes nor white space, and always the padding.
        if (reader.ValueIsEscaped || text.Length % 4 != 0) throw PayloadTypes.Invalid();
        int length = text.Length / 4 * 3 - (text.EndsWith("=="u8) ? 2 : text.EndsWith("="u8) ? 1 : 0);
        if (_destination is null)
        {
            byte[] bytes = length == 0 ? [] : GC.AllocateUninitializedArray<byte>(length);
            Decode(text, bytes);
            Bytes = bytes;
        }
        else if (length > 0)
        {
            Decode(text, _destination.GetSpan(length)[..length]);
            _destination.Advance(length);
        }
        HasDecoded = true;
    }

    private static void Decode(ReadOnlySpan<byte> text, Span<byte> to)
    {
        if (Base64.DecodeFromUtf8(text, to, out _, out int written) != OperationStatus.Done || written != to.Length) throw PayloadTypes.Invalid();
    }
}
