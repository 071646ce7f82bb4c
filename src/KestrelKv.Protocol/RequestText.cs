using System.Text;
using KestrelKv.Json;

namespace KestrelKv.Protocol;

/// <summary>
/// Composes the body of a request from parameters that come one by one, as they do over HTTP, and parses it: so all requests
/// pass the same parser.
/// </summary>
/// <remarks>The first error is kept and becomes the request's. The parsed request is made of slices of this text.</remarks>
public sealed class RequestText : IDisposable
{
    private readonly TextBuffer _text = new();
    private bool _hasParameters;
    private int _valueStart;
    private int _valueEnd = -1;

    /// <summary>Begins a request.</summary>
    public RequestText(FunctionInfo function)
    {
        _text.Write("{\"func\": "u8);
        _text.WriteString(function.Name);
        _text.Write(", \"params\": {"u8);
    }

    /// <summary>Why this is not a request; null where nothing was found yet.</summary>
    public ProtocolError? Error { get; private set; }

    /// <summary>Refuses the request.</summary>
    public void Refuse(ProtocolError error) => Error ??= error;

    /// <summary>Refuses the request.</summary>
    public void Refuse(ErrorCode code, string message) => Refuse(new ProtocolError(code, message));

    /// <summary>Adds a value that is given as plain text, as in the query of a URL, in the parameter's JSON type.</summary>
    public void AddText(ParameterInfo parameter, string value)
    {
        if (parameter.Types == JsonTypes.String)
        {
            BeginParameter(parameter);
            _text.WriteString(value);
        }
        else if (parameter.Types == JsonTypes.Boolean && bool.TryParse(value, out bool truth))
        {
            BeginParameter(parameter);
            _text.WriteBoolean(truth);
        }
        else if (parameter.Types.HasFlag(JsonTypes.Number) && IsNumber(value, parameter.Types.HasFlag(JsonTypes.Null)))
        {
            BeginParameter(parameter);
            _text.Write(Encoding.UTF8.GetBytes(value));
        }
        else
        {
            string shown = value.Length <= 64 ? value : $"{value[..64]}...";
            Refuse(parameter.Refuse(ErrorCode.InvalidValue, $"is \"{shown}\""));
        }
    }

    /// <summary>Begins a value of any JSON type: what is written to the buffer until <see cref="EndValue"/> is its text.</summary>
    public TextBuffer BeginValue(ParameterInfo parameter)
    {
        BeginParameter(parameter);
        _valueStart = _text.Length;
        return _text;
    }

    /// <summary>Ends the value. <see cref="Parse"/> refuses one that is not exactly one JSON text.</summary>
    public void EndValue() => _valueEnd = _text.Length;

    /// <summary>The request, or why it is refused. No parameter can be added any more.</summary>
    public Request Parse(RequestLimits limits)
    {
        if (Error is { } error) return Request.Invalid(error);
        _text.Write("}}"u8);
        ReadOnlyMemory<byte> text = _text.WrittenMemory;
        if (_valueEnd >= 0 && JsonText.Check(text.Span[_valueStart.._valueEnd], limits.JsonDepthMax) is { } fault)
            return Request.Invalid(ProtocolError.Of(fault));
        return RequestParser.ParseGeneral(text, limits);
    }

    /// <inheritdoc/>
    public void Dispose() => _text.Dispose();

    private void BeginParameter(ParameterInfo parameter)
    {
        if (_hasParameters) _text.Write(", "u8);
        _hasParameters = true;
        _text.WriteString(parameter.Name);
        _text.Write(": "u8);
    }

    private static bool IsNumber(string text, bool orNull) =>
        (text.Length > 0 && (text[0] == '-' || char.IsAsciiDigit(text[0])) && JsonText.Check(Encoding.UTF8.GetBytes(text), 1) is null) ||
        (orNull && text == "null");
}
