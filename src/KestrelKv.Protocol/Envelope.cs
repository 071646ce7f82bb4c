using System.Numerics;
using System.Text;
using System.Text.Json;
using KestrelKv.Json;

namespace KestrelKv.Protocol;

/// <summary>
/// Collects the members of a request. Errors in parameters are reported after the whole body is read: they depend on the function,
/// which may follow its parameters. An unknown function may have any parameters.
/// </summary>
internal ref struct Envelope(ReadOnlyMemory<byte> body, Place place)
{
    /// <summary>The maximum length of an id with quotes. Each watch stores its id and returns it in every reply.</summary>
    public const int IdBytesMax = 1_024;

    /// <summary>The parameters that are stored on the stack. Nearly all requests have no others.</summary>
    private const uint Plain = (1u << (int)Parameter.Obj) | (1u << (int)Parameter.Val) | (1u << (int)Parameter.Ack);

    private JsonToken _func;
    private JsonToken _params;
    private JsonToken _id;
    private JsonToken _trace;
    private int _traceStart;
    private JsonToken _obj;
    private JsonToken _val;
    private JsonToken _ack;
    private GivenParameters? _others;
    private string? _unknown;
    private string? _duplicate;

    /// <summary>The request's id; empty if it is missing, invalid or not read yet.</summary>
    private readonly JsonSlice IdSlice =>
        _id.Type is JsonTokenType.String or JsonTokenType.Number && _id.Slice is { Length: <= IdBytesMax } slice ? slice : default;

    /// <summary>Reads the whole body. Returns an error that does not depend on the function, or null.</summary>
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
                    place == Place.Frame && NameIs(reader, "id"u8) ? TakeId(ref reader) :
                    place == Place.Frame && NameIs(reader, "trace"u8) ? TakeTrace(ref reader) : SkipUnknown(ref reader);
                error ??= wrong;
            }
        }

        // The reader throws if anything but white space follows.
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
                $"\"func\" is {Quote(_func.Inside.Of(body).Span)}, expected GET, PUT, DELETE, PATCH, INCR or EXPIRE in a batch");

        return function is null
            ? new Request { Function = Function.Unknown, Body = body, NameSlice = _func.Slice, IdSlice = IdSlice, TraceStart = _traceStart }
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
        uint unknown = given & ~allowed;
        if (_unknown is not null || unknown != 0)
        {
            string name = _unknown ?? $"\"{Functions.Parameter(BitOperations.TrailingZeroCount(unknown)).Name}\"";
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
            TraceStart = _traceStart,
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
            : new(ErrorCode.InvalidValue, $"\"ack\" is {Quote(_ack.Inside.Of(body).Span)}, expected \"memory\"");
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

    private ProtocolError? TakeTrace(ref Utf8JsonReader reader)
    {
        ProtocolError? twice = Take(ref reader, ref _trace, "trace");
        if (twice is not null) return twice;
        if (!_trace.IsString) return new(ErrorCode.WrongType, $"\"trace\" is {_trace.TypeName}, expected a string");

        // The value is not repeated: no reply contains any part of it. A text of this length is too long even if it has escapes.
        ReadOnlyMemory<byte> text = _trace.Inside.Of(body);
        if (text.Length <= JsonString.EscapeRatioMax * TraceParent.Bytes) _trace.TryUnescape(body, out text);
        if (TraceParent.Check(text.Span) is { } fault)
        {
            return new(ErrorCode.InvalidValue,
                $"\"trace\" {fault}, expected a W3C traceparent of {TraceParent.Bytes} bytes: 00-TRACE_ID-PARENT_ID-FLAGS");
        }
        _traceStart = _trace.Inside.Start;
        return null;
    }

    private readonly ProtocolError SkipUnknown(ref Utf8JsonReader reader)
    {
        string name = Quote(reader.ValueSpan);
        reader.Skip();
        string expected = place == Place.Frame ? "\"func\", \"params\" and optionally \"id\" and \"trace\"" : "\"func\" and \"params\"";
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
        _unknown ??= Quote(reader.ValueSpan);
        reader.Skip();
    }

    /// <summary>Whether the reader is at a member of this name, regardless of escapes.</summary>
    private static bool NameIs(in Utf8JsonReader reader, ReadOnlySpan<byte> name) => JsonString.UnescapesTo(reader.ValueSpan, name);

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

    /// <summary>Returns the refused request, which keeps only its id and trace.</summary>
    public readonly Request Refuse(ProtocolError error) =>
        Request.Invalid(error) with { Body = body, IdSlice = IdSlice, TraceStart = _traceStart };

    /// <summary>Returns a string in quotes for a message, as spelled and truncated if long.</summary>
    private static string Quote(ReadOnlySpan<byte> text) => text.Length <= 64
        ? $"\"{Encoding.UTF8.GetString(text)}\""
        : $"\"{Encoding.UTF8.GetString(text[..64])}...\"";
}
