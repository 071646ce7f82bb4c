using System.Text;
using KestrelKv.Json;

namespace KestrelKv.Protocol;

/// <summary>
/// Composes the body of a request from single parameters, as they arrive over HTTP, and parses the body. All requests therefore use the
/// same parser.
/// </summary>
/// <remarks>The request has the first error. The parsed request refers to this text.</remarks>
public sealed class RequestText : IDisposable
{
    private readonly TextBuffer _text = new();
    private bool _hasParameters;
    private int _valueStart;
    private int _valueEnd = -1;

    /// <summary>Starts a request.</summary>
    public RequestText(FunctionInfo function)
    {
        _text.Write("{\"func\": "u8);
        _text.WriteString(function.Name);
        _text.Write(", \"params\": {"u8);
    }

    /// <summary>The first error; null for none.</summary>
    public ProtocolError? Error { get; private set; }

    /// <summary>Refuses the request.</summary>
    public void Refuse(ProtocolError error) => Error ??= error;

    /// <summary>Refuses the request.</summary>
    public void Refuse(ErrorCode code, string message) => Refuse(new ProtocolError(code, message));

    /// <summary>Adds a value that is given as plain text, such as in a URL query, with the parameter's JSON type.</summary>
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

    /// <summary>Starts a value of any JSON type. The caller writes its text to the buffer, then calls <see cref="EndValue"/>.</summary>
    public TextBuffer BeginValue(ParameterInfo parameter)
    {
        BeginParameter(parameter);
        _valueStart = _text.Length;
        return _text;
    }

    /// <summary>Ends the value. <see cref="Parse"/> refuses a value that is not exactly one JSON text.</summary>
    public void EndValue() => _valueEnd = _text.Length;

    /// <summary>Returns the request, which has an error if it is refused. No parameter can be added afterwards.</summary>
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
