using System.Text.Json;

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

    public readonly ReadOnlyMemory<byte> Slice(ReadOnlyMemory<byte> body) => body[_start..End];

    /// <summary>The characters of a string in UTF-8. False where it holds half of a surrogate pair.</summary>
    public readonly bool TryUnescape(ReadOnlyMemory<byte> body, out ReadOnlyMemory<byte> characters)
    {
        ReadOnlyMemory<byte> quoted = Slice(body);
        characters = quoted[1..^1];
        if (!IsEscaped) return true;
        bool whole = JsonText.TryUnescape(quoted.Span, out byte[] unescaped);
        characters = unescaped;
        return whole;
    }

    /// <summary>Whether a string says <paramref name="text"/>, however it is escaped.</summary>
    public readonly bool TextEquals(ReadOnlyMemory<byte> body, ReadOnlySpan<byte> text)
    {
        ReadOnlySpan<byte> quoted = Slice(body).Span;
        return IsEscaped
            ? JsonText.TryUnescape(quoted, out byte[] unescaped) && text.SequenceEqual(unescaped)
            : text.SequenceEqual(quoted[1..^1]);
    }
}
