using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace KestrelKv.Extensions.Caching.Payloads;

/// <summary>The sliding window of an entry, and the time beyond which it is not extended: <c>[1200000]</c> or <c>[1200000, 1767225600000]</c>.</summary>
/// <param name="WindowMilliseconds">The window, in milliseconds.</param>
/// <param name="LatestMilliseconds">The absolute expiry, as Unix time in milliseconds; 0 for none.</param>
internal readonly record struct SlidingExpiry(long WindowMilliseconds, long LatestMilliseconds)
{
    /// <summary>The part of the window that must have passed before a read extends the expiry: an eighth.</summary>
    /// <remarks>A key that is read a thousand times per second is extended eight times per window.</remarks>
    private const int Part = 8;

    /// <summary>The member of a payload that holds this value.</summary>
    public const string Path = "/x";

    public static JsonTypeInfo<SlidingExpiry> Type { get; } = PayloadTypes.Create(new Converter());

    /// <summary>Whether the absolute expiry has passed. A request to extend an expiry can be delayed, so the server may still have the entry.</summary>
    public bool HasPassed(DateTimeOffset now) => LatestMilliseconds != 0 && now.ToUnixTimeMilliseconds() >= LatestMilliseconds;

    /// <summary>Returns the time after which the entry expires if it is extended now; not positive if the absolute expiry has passed.</summary>
    public TimeSpan Extension(DateTimeOffset now)
    {
        long left = LatestMilliseconds == 0 ? long.MaxValue : LatestMilliseconds - now.ToUnixTimeMilliseconds();
        return TimeSpan.FromMilliseconds(Math.Min(WindowMilliseconds, left));
    }

    /// <summary>Whether a read at this time must extend the expiry.</summary>
    /// <param name="expiresAt">The current expiry, by the server's clock.</param>
    /// <param name="now">The time, by the local clock.</param>
    /// <remarks>
    /// If the local clock is slow, an extension appears to lie in the future. It then counts as due too: a useless request is better than an entry
    /// that expires although it is used.
    /// </remarks>
    public bool IsDue(DateTimeOffset? expiresAt, DateTimeOffset now)
    {
        if (expiresAt is not { } current) return false;
        long expiry = current.ToUnixTimeMilliseconds();
        if (LatestMilliseconds != 0 && expiry >= LatestMilliseconds) return false;
        long sinceExtension = WindowMilliseconds - (expiry - now.ToUnixTimeMilliseconds());
        return Math.Abs(sinceExtension) >= Math.Max(1, WindowMilliseconds / Part);
    }

    public void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartArray();
        writer.WriteNumberValue(WindowMilliseconds);
        if (LatestMilliseconds != 0) writer.WriteNumberValue(LatestMilliseconds);
        writer.WriteEndArray();
    }

    /// <summary>Reads the array at which the reader is.</summary>
    public static SlidingExpiry Read(ref Utf8JsonReader reader)
    {
        long window = 0, latest = 0;
        bool isValid = reader.TokenType == JsonTokenType.StartArray && reader.Read() && reader.TokenType == JsonTokenType.Number &&
            reader.TryGetInt64(out window) && window > 0 && reader.Read();
        if (isValid && reader.TokenType == JsonTokenType.Number) isValid = reader.TryGetInt64(out latest) && reader.Read();
        if (!isValid || reader.TokenType != JsonTokenType.EndArray) throw PayloadTypes.Invalid();
        return new(window, latest);
    }

    private sealed class Converter : JsonConverter<SlidingExpiry>
    {
        public override SlidingExpiry Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => SlidingExpiry.Read(ref reader);

        public override void Write(Utf8JsonWriter writer, SlidingExpiry value, JsonSerializerOptions options) => value.Write(writer);
    }
}
