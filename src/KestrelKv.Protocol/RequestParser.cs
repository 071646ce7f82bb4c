using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace KestrelKv.Protocol;

/// <summary>Turns the body of a frame into a <see cref="Request"/>.</summary>
public static class RequestParser
{
    /// <summary>How many levels of the body lie around a value: the request and its <c>params</c>.</summary>
    private const int EnvelopeDepth = 2;

    /// <summary>Parses one request. Never throws on account of what the body holds: a bad one comes back as <see cref="Function.Invalid"/>.</summary>
    /// <param name="body">The whole body of a frame. The request is made of slices of it.</param>
    /// <param name="limits">What a request may not exceed.</param>
    public static Request Parse(ReadOnlyMemory<byte> body, RequestLimits limits)
    {
        // The JSON reader checks the encoding of strings only when they are decoded, and values never are.
        if (!Utf8.IsValid(body.Span))
            return Request.Invalid(JsonText.InvalidUtf8(body.Span));

        var reader = new Utf8JsonReader(body.Span, JsonText.ReaderOptions(limits.JsonDepthMax + EnvelopeDepth));
        try
        {
            var envelope = new Envelope(body);
            return envelope.Read(ref reader) is { } error ? Request.Invalid(error) : envelope.ToRequest(limits);
        }
        catch (JsonException e)
        {
            // The only way in which the JSON reader tells of a syntax error.
            return Request.Invalid(JsonText.Explain(body.Span, e, ref reader, limits.JsonDepthMax));
        }
    }

    /// <summary>
    /// The members of a request as they are met. What is wrong with parameters is kept for later, as it depends on
    /// the function, which may come after them, and an unknown function may have any.
    /// </summary>
    private ref struct Envelope(ReadOnlyMemory<byte> body)
    {
        private Token _func;
        private Token _params;
        private Token _obj;
        private Token _val;
        private Token _ack;
        private string? _unknown;
        private string? _duplicate;

        /// <summary>Reads the whole body; the error is one that holds for any function.</summary>
        public ProtocolError? Read(ref Utf8JsonReader reader)
        {
            reader.Read();
            if (reader.TokenType != JsonTokenType.StartObject)
            {
                reader.Skip();
                reader.Read();
                return new(ErrorCode.NotAnObject, "the body is not an object, expected {\"func\": ..., \"params\": {...}}");
            }

            ProtocolError? error = null;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                ProtocolError? wrong =
                    JsonText.NameEquals(ref reader, "func"u8) ? Take(ref reader, ref _func, "func") :
                    JsonText.NameEquals(ref reader, "params"u8) ? TakeParams(ref reader) : SkipUnknown(ref reader);
                error ??= wrong;
            }

            // Nothing but white space may follow; the reader throws if something does.
            reader.Read();
            return error;
        }

        private static ProtocolError SkipUnknown(ref Utf8JsonReader reader)
        {
            string name = Quote(ref reader);
            reader.Skip();
            return new(ErrorCode.UnknownParameter, $"unknown member {name}, expected \"func\" and \"params\"");
        }

        private ProtocolError? TakeParams(ref Utf8JsonReader reader)
        {
            if (_params.Exists) return Take(ref reader, ref _params, "params");

            reader.Read();
            _params = new Token(ref reader);
            if (reader.TokenType != JsonTokenType.StartObject)
            {
                reader.Skip();
                return null;
            }

            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (JsonText.NameEquals(ref reader, "obj"u8)) TakeParam(ref reader, ref _obj, "obj");
                else if (JsonText.NameEquals(ref reader, "val"u8)) TakeParam(ref reader, ref _val, "val");
                else if (JsonText.NameEquals(ref reader, "ack"u8)) TakeParam(ref reader, ref _ack, "ack");
                else
                {
                    _unknown ??= Quote(ref reader);
                    reader.Skip();
                }
            }
            return null;
        }

        private void TakeParam(ref Utf8JsonReader reader, ref Token token, string name)
        {
            if (Take(ref reader, ref token, name) is not null) _duplicate ??= name;
        }

        private static ProtocolError? Take(ref Utf8JsonReader reader, ref Token token, string name)
        {
            bool twice = token.Exists;
            reader.Read();
            token = new Token(ref reader);
            reader.Skip();
            token.End = (int)reader.BytesConsumed;
            return twice ? new(ErrorCode.DuplicateParameter, $"\"{name}\" is given twice") : null;
        }

        public readonly Request ToRequest(RequestLimits limits)
        {
            if (!_func.Exists)
                return Invalid(ErrorCode.MissingParameter, "\"func\" is missing, expected the name of a function");
            if (!_func.IsString)
                return Invalid(ErrorCode.WrongType, $"\"func\" is {_func.TypeName}, expected a string");

            Function function =
                _func.TextEquals(body, "GET"u8) ? Function.Get :
                _func.TextEquals(body, "PUT"u8) ? Function.Put : Function.Unknown;

            return function == Function.Unknown
                ? new Request { Function = function, NameText = _func.Slice(body) }
                : WithParams(function, limits);
        }

        private readonly Request WithParams(Function function, RequestLimits limits)
        {
            bool isPut = function == Function.Put;
            if (!_params.Exists)
                return Invalid(ErrorCode.MissingParameter, "\"params\" is missing, expected an object");
            if (_params.Type != JsonTokenType.StartObject)
                return Invalid(ErrorCode.WrongType, $"\"params\" is {_params.TypeName}, expected an object");
            if (_unknown is not null || (_val.Exists && !isPut))
                return Invalid(ErrorCode.UnknownParameter, isPut
                    ? $"PUT does not know the parameter {_unknown}, expected \"obj\", \"val\" and, if need be, \"ack\""
                    : $"GET does not know the parameter {_unknown ?? "\"val\""}, expected \"obj\" and, if need be, \"ack\"");
            if (_duplicate is not null)
                return Invalid(ErrorCode.DuplicateParameter, $"\"{_duplicate}\" is given twice");
            if (!_obj.Exists)
                return Invalid(ErrorCode.MissingParameter, "\"obj\" is missing, expected the key as a string");
            if (!_obj.IsString)
                return Invalid(ErrorCode.WrongType, $"\"obj\" is {_obj.TypeName}, expected the key as a string");
            if (isPut && !_val.Exists)
                return Invalid(ErrorCode.MissingParameter, "\"val\" is missing, expected any JSON value");
            if (_ack is { Exists: true, IsString: false })
                return Invalid(ErrorCode.WrongType, $"\"ack\" is {_ack.TypeName}, expected the string \"memory\"");
            if (_ack.Exists && !_ack.TextEquals(body, "memory"u8))
                return Invalid(ErrorCode.InvalidValue, "\"ack\" is none of the values that it may have, expected \"memory\"");

            ReadOnlyMemory<byte> keyText = _obj.Slice(body);
            ReadOnlyMemory<byte> key;
            if (!_obj.IsEscaped) key = keyText[1..^1];
            else if (JsonText.TryUnescape(keyText.Span, out byte[] unescaped)) key = unescaped;
            else return Invalid(ErrorCode.InvalidKey, "\"obj\" holds half of a surrogate pair, which is no character");

            return KeyRules.Check(key.Length, limits) is { } error
                ? Request.Invalid(error)
                : new Request
                {
                    Function = function,
                    NameText = keyText,
                    Key = key,
                    Value = isPut ? _val.Slice(body) : default,
                    AcknowledgeFromMemory = _ack.Exists,
                };
        }

        private static Request Invalid(ErrorCode code, string message) => Request.Invalid(new(code, message));

        /// <summary>A member's name for a message: not the whole of it where it is long.</summary>
        private static string Quote(ref Utf8JsonReader reader)
        {
            ReadOnlySpan<byte> name = reader.ValueSpan;
            return name.Length <= 64 ? $"\"{Encoding.UTF8.GetString(name)}\"" : $"\"{Encoding.UTF8.GetString(name[..64])}...\"";
        }
    }

    /// <summary>Where a value lies in the body. <see cref="End"/> is set once the reader has passed it.</summary>
    private struct Token(ref Utf8JsonReader reader)
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

        public readonly ReadOnlyMemory<byte> Slice(ReadOnlyMemory<byte> body) => body[_start..End];

        /// <summary>Whether a string says <paramref name="text"/>, however it is escaped.</summary>
        public readonly bool TextEquals(ReadOnlyMemory<byte> body, ReadOnlySpan<byte> text)
        {
            ReadOnlySpan<byte> quoted = Slice(body).Span;
            return IsEscaped
                ? JsonText.TryUnescape(quoted, out byte[] unescaped) && text.SequenceEqual(unescaped)
                : text.SequenceEqual(quoted[1..^1]);
        }
    }
}
