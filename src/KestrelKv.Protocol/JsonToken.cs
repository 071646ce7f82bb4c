using System.Text.Json;
using KestrelKv.Json;

namespace KestrelKv.Protocol;

/// <summary>Where a value lies in the body. <see cref="End"/> is set once the reader has passed it.</summary>
internal struct JsonToken(ref Utf8JsonReader reader)
{
    private readonly int _start = (int)reader.TokenStartIndex;

    public readonly JsonTokenType Type = reader.TokenType;

    public readonly bool IsEscaped = reader.ValueIsEscaped;

    public int End = (int)reader.BytesConsumed;

    public readonly bool Exists => Type != JsonTokenType.None;

    public readonly bool IsString => Type == JsonTokenType.String;

    public readonly string TypeName => Type switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "an array",
        JsonTokenType.String => "a string",
        JsonTokenType.Number => "a number",
        JsonTokenType.True or JsonTokenType.False => "a boolean",
        _ => "null",
    };

    public readonly JsonTypes Types => Type switch
    {
        JsonTokenType.StartObject => JsonTypes.Object,
        JsonTokenType.StartArray => JsonTypes.Array,
        JsonTokenType.String => JsonTypes.String,
        JsonTokenType.Number => JsonTypes.Number,
        JsonTokenType.True or JsonTokenType.False => JsonTypes.Boolean,
        _ => JsonTypes.Null,
    };

    /// <summary>All of it, a string with its quotes. Nothing where the value does not exist.</summary>
    public readonly JsonSlice Slice => JsonSlice.Between(_start, End);

    /// <summary>What stands between the quotes of a string.</summary>
    public readonly JsonSlice Inside => JsonSlice.Between(_start + 1, End - 1);

    public readonly ReadOnlyMemory<byte> Text(ReadOnlyMemory<byte> body) => Slice.Of(body);

    /// <summary>The characters of a string in UTF-8. False where it holds half of a surrogate pair.</summary>
    public readonly bool TryUnescape(ReadOnlyMemory<byte> body, out ReadOnlyMemory<byte> characters)
    {
        bool whole = TryUnescape(body, out byte[]? unescaped);
        characters = unescaped ?? Inside.Of(body);
        return whole;
    }

    /// <summary>The same; null where they are those <see cref="Inside"/>.</summary>
    public readonly bool TryUnescape(ReadOnlyMemory<byte> body, out byte[]? unescaped)
    {
        unescaped = null;
        return !IsEscaped || JsonString.TryUnescape(Inside.Of(body).Span, out unescaped);
    }

    /// <summary>Whether a string says <paramref name="text"/>, however it is escaped.</summary>
    public readonly bool TextEquals(ReadOnlyMemory<byte> body, ReadOnlySpan<byte> text) =>
        JsonString.StandsFor(Inside.Of(body).Span, text);
}
