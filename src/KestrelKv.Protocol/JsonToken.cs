using System.Text.Json;
using KestrelKv.Json;

namespace KestrelKv.Protocol;

/// <summary>The type and position of a value in the body. <see cref="End"/> is final after the reader has skipped the value.</summary>
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

    /// <summary>The whole value, a string with its quotes; empty if the value does not exist.</summary>
    public readonly JsonSlice Slice => JsonSlice.Between(_start, End);

    /// <summary>The text between the quotes of a string.</summary>
    public readonly JsonSlice Inside => JsonSlice.Between(_start + 1, End - 1);

    public readonly ReadOnlyMemory<byte> Text(ReadOnlyMemory<byte> body) => Slice.Of(body);

    /// <summary>Unescapes a string to UTF-8. False if the string has a lone surrogate.</summary>
    public readonly bool TryUnescape(ReadOnlyMemory<byte> body, out ReadOnlyMemory<byte> characters)
    {
        bool whole = TryUnescape(body, out byte[]? unescaped);
        characters = unescaped ?? Inside.Of(body);
        return whole;
    }

    /// <summary>Unescapes a string to UTF-8; null if it has no escapes. False if the string has a lone surrogate.</summary>
    public readonly bool TryUnescape(ReadOnlyMemory<byte> body, out byte[]? unescaped)
    {
        unescaped = null;
        return !IsEscaped || JsonString.TryUnescape(Inside.Of(body).Span, out unescaped);
    }

    /// <summary>Whether a string unescapes to <paramref name="text"/>.</summary>
    public readonly bool TextEquals(ReadOnlyMemory<byte> body, ReadOnlySpan<byte> text) =>
        JsonString.UnescapesTo(Inside.Of(body).Span, text);
}
