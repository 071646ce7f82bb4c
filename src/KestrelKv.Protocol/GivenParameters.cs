using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.Json;

namespace KestrelKv.Protocol;

/// <summary>The less common parameters of one request. Records the first error.</summary>
internal sealed class GivenParameters(ReadOnlyMemory<byte> body)
{
    private readonly JsonToken[] _tokens = new JsonToken[Functions.ParameterCount];

    public ReadOnlyMemory<byte> Body => body;

    /// <summary>The first error; null for none.</summary>
    public ProtocolError? Error { get; private set; }

    /// <summary>The set of given parameters.</summary>
    public uint Given
    {
        get
        {
            uint given = 0;
            for (int i = 0; i < _tokens.Length; i++)
                if (_tokens[i].Exists) given |= 1u << i;
            return given;
        }
    }

    public ref JsonToken this[Parameter parameter] => ref _tokens[(int)parameter];

    public bool Has(Parameter parameter) => this[parameter].Exists;

    /// <summary>Records an error if a parameter has the wrong JSON type.</summary>
    public void CheckTypes()
    {
        for (int i = 0; i < _tokens.Length; i++)
        {
            ParameterInfo parameter = Functions.Parameter(i);
            if (_tokens[i].Exists && (_tokens[i].Types & parameter.Types) == 0)
                Refuse(parameter.RefuseType(_tokens[i]));
        }
    }

    /// <summary>Records an error if both parameters are given.</summary>
    public void CheckNotBoth(Parameter one, Parameter other)
    {
        if (Has(one) && Has(other))
            Refuse(ErrorCode.InvalidValue, $"\"{Name(one)}\" and \"{Name(other)}\" are both given, expected at most one");
    }

    /// <summary>Records an error unless exactly one of the parameters is given.</summary>
    public void CheckExactlyOne(Parameter one, Parameter other)
    {
        CheckNotBoth(one, other);
        if (!Has(one) && !Has(other))
            Refuse(ErrorCode.MissingParameter, $"\"{Name(one)}\" or \"{Name(other)}\" is missing, expected exactly one");
    }

    /// <summary>Records an error if a parameter is given without the other one that it belongs to.</summary>
    public void CheckWith(Parameter parameter, Parameter other)
    {
        if (Has(parameter) && !Has(other))
            Refuse(ErrorCode.MissingParameter, $"\"{Name(other)}\" is missing, expected because \"{Name(parameter)}\" is given");
    }

    public ReadOnlyMemory<byte> Text(Parameter parameter) => this[parameter].Text(body);

    /// <summary>Returns the unescaped characters of a string in UTF-8; empty if it is not given.</summary>
    public ReadOnlyMemory<byte> Characters(Parameter parameter)
    {
        if (Error is not null || !Has(parameter)) return default;
        if (this[parameter].TryUnescape(body, out ReadOnlyMemory<byte> characters)) return characters;
        Refuse(ErrorCode.InvalidValue, $"\"{Name(parameter)}\" has a lone surrogate, expected valid Unicode");
        return default;
    }

    public bool IsTrue(Parameter parameter) => this[parameter].Type == JsonTokenType.True;

    public bool? Boolean(Parameter parameter) => Has(parameter) ? IsTrue(parameter) : null;

    public long? Integer(Parameter parameter, long min, long max) => Number(parameter, NumberStyles.AllowLeadingSign, min, max);

    /// <summary>Returns a number of seconds in milliseconds, rounded up; null if it is not given or is <c>null</c>.</summary>
    public long? Milliseconds(Parameter parameter, decimal min, decimal max) =>
        this[parameter].Type != JsonTokenType.Null && Number(parameter, NumberStyles.Float, min, max) is { } seconds
            ? (long)decimal.Ceiling(seconds * 1_000)
            : null;

    public void Refuse(ErrorCode code, string message) => Refuse(new ProtocolError(code, message));

    public void Refuse(ProtocolError error) => Error ??= error;

    private T? Number<T>(Parameter parameter, NumberStyles styles, T min, T max)
        where T : struct, INumber<T>
    {
        if (Error is not null || !Has(parameter)) return null;
        ReadOnlySpan<byte> text = Text(parameter).Span;
        if (T.TryParse(text, styles, CultureInfo.InvariantCulture, out T number) && number >= min && number <= max) return number;
        string shown = text.Length <= 64 ? Encoding.UTF8.GetString(text) : $"{Encoding.UTF8.GetString(text[..64])}...";
        Refuse(Functions.Parameter(parameter).Refuse(ErrorCode.InvalidValue, $"is {shown}"));
        return null;
    }

    private static string Name(Parameter parameter) => Functions.Parameter(parameter).Name;
}
