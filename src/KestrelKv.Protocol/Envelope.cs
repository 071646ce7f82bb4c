using System.Numerics;
using System.Text;
using System.Text.Json;
using KestrelKv.Json;

namespace KestrelKv.Protocol;

/// <summary>
/// The members of a request as they are met. What is wrong with parameters is kept for later, as it depends on
/// the function, which may come after them, and an unknown function may have any.
/// </summary>
internal ref struct Envelope(ReadOnlyMemory<byte> body, Place place)
{
    /// <summary>So long an id may be, with its quotes: it is held for each watch, and comes back in all of its replies.</summary>
    public const int IdBytesMax = 1_024;

    /// <summary>Parameters that have a place on the stack, for nearly all requests have no others.</summary>
    private const uint Plain = (1u << (int)Parameter.Obj) | (1u << (int)Parameter.Val) | (1u << (int)Parameter.Ack);

    private JsonToken _func;
    private JsonToken _params;
    private JsonToken _id;
    private JsonToken _obj;
    private JsonToken _val;
    private JsonToken _ack;
    private GivenParameters? _others;
    private string? _unknown;
    private string? _duplicate;

    /// <summary>The request's id, as far as it was met and is one.</summary>
    private readonly JsonSlice IdSlice =>
        _id.Type is JsonTokenType.String or JsonTokenType.Number && _id.Slice is { Length: <= IdBytesMax } slice ? slice : default;

    /// <summary>Reads the whole body; the error is one that holds for any function.</summary>
    public ProtocolError? Read(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            reader.Read();
            return new(ErrorCode.NotAnObject, place == Place.BatchParameters
                ? "the body is not an object, expected {\"ops\": [...]}"
                : "the body is not an object, expected {\"func\": ..., \"params\": {...}}");
        }

        ProtocolError? error = null;
        if (place == Place.BatchParameters) ReadParams(ref reader);
        else
        {
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                ProtocolError? wrong =
                    NameIs(reader, "func"u8) ? Take(ref reader, ref _func, "func") :
                    NameIs(reader, "params"u8) ? TakeParams(ref reader) :
                    place == Place.Frame && NameIs(reader, "id"u8) ? TakeId(ref reader) : SkipUnknown(ref reader);
                error ??= wrong;
            }
        }

        // Nothing but white space may follow; the reader throws if something does.
        reader.Read();
        return error;
    }

    public readonly Request ToRequest(RequestLimits limits)
    {
        if (place == Place.BatchParameters) return WithParams(Functions.Of(Function.Batch), limits);
        if (!_func.Exists)
            return Invalid(ErrorCode.MissingParameter, "\"func\" is missing, expected the name of a function");
        if (!_func.IsString)
            return Invalid(ErrorCode.WrongType, $"\"func\" is {_func.TypeName}, expected a string");

        FunctionInfo? function = Find();
        if (place == Place.Operation && (function is null || !Functions.IsOnOneKey(function.Function)))
            return Invalid(ErrorCode.InvalidValue,
                "\"func\" is no function that may be part of a batch, expected GET, PUT, DELETE, PATCH, INCR or EXPIRE");

        return function is null
            ? new Request { Function = Function.Unknown, Body = body, NameSlice = _func.Slice, IdSlice = IdSlice }
            : WithParams(function, limits);
    }

    private readonly FunctionInfo? Find()
    {
        foreach (FunctionInfo function in Functions.Table)
            if (_func.TextEquals(body, function.Utf8Name)) return function;
        return null;
    }

    private readonly Request WithParams(FunctionInfo function, RequestLimits limits)
    {
        if (!_params.Exists && function.Required != 0)
            return Invalid(ErrorCode.MissingParameter, "\"params\" is missing, expected an object");
        if (_params.Exists && _params.Type != JsonTokenType.StartObject)
            return Invalid(ErrorCode.WrongType, $"\"params\" is {_params.TypeName}, expected an object");

        uint given = Given();
        uint allowed = place == Place.Operation ? function.Allowed & ~Functions.NotInABatch : function.Allowed;
        uint notKnown = given & ~allowed;
        if (_unknown is not null || notKnown != 0)
        {
            string name = _unknown ?? $"\"{Functions.Parameter(BitOperations.TrailingZeroCount(notKnown)).Name}\"";
            return Refuse(function.UnknownParameter(name, allowed));
        }
        if (_duplicate is not null)
            return Invalid(ErrorCode.DuplicateParameter, $"\"{_duplicate}\" is given twice");
        if (function.Missing(given) is { } missing)
            return Refuse(missing);

        byte[]? unescapedKey = null;
        ProtocolError? error = CheckObj(limits, ref unescapedKey) ?? CheckAck();
        if (error is not null) return Refuse(error);

        var plain = new Request
        {
            Function = function.Function,
            AcknowledgeFromMemory = _ack.Exists,
            Body = body,
            NameSlice = _obj.Slice,
            KeySlice = _obj.Exists ? _obj.Inside : default,
            UnescapedKey = unescapedKey,
            ValueSlice = _val.Slice,
            IdSlice = IdSlice,
        };
        return function.IsPlain && _others is null ? plain : RequestReader.Complete(plain, _others ?? new(body), limits);
    }

    private readonly uint Given() =>
        (_obj.Exists ? 1u << (int)Parameter.Obj : 0) | (_val.Exists ? 1u << (int)Parameter.Val : 0) |
        (_ack.Exists ? 1u << (int)Parameter.Ack : 0) | (_others?.Given ?? 0);

    private readonly ProtocolError? CheckObj(RequestLimits limits, ref byte[]? unescaped)
    {
        if (!_obj.Exists) return null;
        return _obj.IsString ? KeyRules.Read(_obj, body, limits, out unescaped) : Parameters.Obj.RefuseType(_obj);
    }

    private readonly ProtocolError? CheckAck()
    {
        if (!_ack.Exists) return null;
        if (!_ack.IsString) return Parameters.Ack.RefuseType(_ack);
        return _ack.TextEquals(body, "memory"u8)
            ? null
            : new(ErrorCode.InvalidValue, "\"ack\" is none of the values that it may have, expected \"memory\"");
    }

    private ProtocolError? TakeId(ref Utf8JsonReader reader)
    {
        ProtocolError? twice = Take(ref reader, ref _id, "id");
        if (twice is not null) return twice;
        if (_id.Type is not (JsonTokenType.String or JsonTokenType.Number))
            return new(ErrorCode.WrongType, $"\"id\" is {_id.TypeName}, expected a string or a number");
        return _id.Slice.Length <= IdBytesMax
            ? null
            : new(ErrorCode.InvalidValue, $"\"id\" has {_id.Slice.Length} bytes, expected at most {IdBytesMax}");
    }

    private readonly ProtocolError SkipUnknown(ref Utf8JsonReader reader)
    {
        string name = Quote(reader);
        reader.Skip();
        string expected = place == Place.Frame ? "\"func\", \"params\" and, if need be, \"id\"" : "\"func\" and \"params\"";
        return new(ErrorCode.UnknownParameter, $"unknown member {name}, expected {expected}");
    }

    private ProtocolError? TakeParams(ref Utf8JsonReader reader)
    {
        if (_params.Exists) return Take(ref reader, ref _params, "params");

        reader.Read();
        if (reader.TokenType == JsonTokenType.StartObject) ReadParams(ref reader);
        else
        {
            _params = new JsonToken(ref reader);
            reader.Skip();
        }
        return null;
    }

    /// <summary>Reads parameters, from the beginning of their object to its end.</summary>
    private void ReadParams(ref Utf8JsonReader reader)
    {
        _params = new JsonToken(ref reader);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (NameIs(reader, "obj"u8)) TakeParam(ref reader, ref _obj, "obj");
            else if (NameIs(reader, "val"u8)) TakeParam(ref reader, ref _val, "val");
            else if (NameIs(reader, "ack"u8)) TakeParam(ref reader, ref _ack, "ack");
            else TakeOther(ref reader);
        }
    }

    private void TakeOther(ref Utf8JsonReader reader)
    {
        for (uint others = ~Plain & Functions.AllParameters; others != 0; others &= others - 1)
        {
            ParameterInfo parameter = Functions.Parameter(BitOperations.TrailingZeroCount(others));
            if (!NameIs(reader, parameter.Utf8Name)) continue;
            _others ??= new GivenParameters(body);
            TakeParam(ref reader, ref _others[parameter.Parameter], parameter.Name);
            return;
        }
        _unknown ??= Quote(reader);
        reader.Skip();
    }

    /// <summary>Whether the member's name that the reader is at is this one, however it is escaped.</summary>
    private static bool NameIs(in Utf8JsonReader reader, ReadOnlySpan<byte> name) => JsonString.StandsFor(reader.ValueSpan, name);

    private void TakeParam(ref Utf8JsonReader reader, ref JsonToken token, string name)
    {
        if (Take(ref reader, ref token, name) is not null) _duplicate ??= name;
    }

    private static ProtocolError? Take(ref Utf8JsonReader reader, ref JsonToken token, string name)
    {
        bool twice = token.Exists;
        reader.Read();
        token = new JsonToken(ref reader);
        reader.Skip();
        token.End = (int)reader.BytesConsumed;
        return twice ? new(ErrorCode.DuplicateParameter, $"\"{name}\" is given twice") : null;
    }

    private readonly Request Invalid(ErrorCode code, string message) => Refuse(new(code, message));

    /// <summary>The request, refused: all that was read of it is its id, if that.</summary>
    public readonly Request Refuse(ProtocolError error) => Request.Invalid(error) with { Body = body, IdSlice = IdSlice };

    /// <summary>A member's name for a message: not the whole of it where it is long.</summary>
    private static string Quote(in Utf8JsonReader reader)
    {
        ReadOnlySpan<byte> name = reader.ValueSpan;
        return name.Length <= 64 ? $"\"{Encoding.UTF8.GetString(name)}\"" : $"\"{Encoding.UTF8.GetString(name[..64])}...\"";
    }
}
