using System.Buffers.Text;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace KestrelKv.Protocol;

/// <summary>
/// The parameters of one request that few requests have, and what they say. The first one that says what it may not is told.
/// </summary>
internal sealed class GivenParameters(ReadOnlyMemory<byte> body)
{
    private readonly JsonToken[] _tokens = new JsonToken[Functions.ParameterCount];

    public ReadOnlyMemory<byte> Body => body;

    /// <summary>What is wrong; null where nothing was found yet.</summary>
    public ProtocolError? Error { get; private set; }

    /// <summary>Those that are given, as a set.</summary>
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

    /// <summary>Refuses those of another JSON type than theirs.</summary>
    public void CheckTypes()
    {
        for (int i = 0; i < _tokens.Length; i++)
        {
            ParameterInfo parameter = Functions.Parameter(i);
            if (_tokens[i].Exists && (_tokens[i].Types & parameter.Types) == 0)
                Refuse(ErrorCode.WrongType, $"\"{parameter.Name}\" is {_tokens[i].TypeName}, expected {parameter.Expected}");
        }
    }

    /// <summary>Refuses two that contradict each other.</summary>
    public void CheckNotBoth(Parameter one, Parameter other)
    {
        if (Has(one) && Has(other))
            Refuse(ErrorCode.InvalidValue, $"\"{Name(one)}\" and \"{Name(other)}\" are both given, expected one of them");
    }

    /// <summary>Refuses where neither of two, or both, are given.</summary>
    public void CheckExactlyOne(Parameter one, Parameter other)
    {
        CheckNotBoth(one, other);
        if (!Has(one) && !Has(other))
            Refuse(ErrorCode.MissingParameter, $"\"{Name(one)}\" or \"{Name(other)}\" is missing, expected one of them");
    }

    /// <summary>The text of one that is given.</summary>
    public ReadOnlyMemory<byte> Text(Parameter parameter) => this[parameter].Text(body);

    /// <summary>The characters of a string, in UTF-8; empty where it is not given.</summary>
    public ReadOnlyMemory<byte> Characters(Parameter parameter)
    {
        if (Error is not null || !Has(parameter)) return default;
        if (this[parameter].TryUnescape(body, out ReadOnlyMemory<byte> characters)) return characters;
        Refuse(ErrorCode.InvalidValue, $"\"{Name(parameter)}\" holds half of a surrogate pair, which is no character");
        return default;
    }

    public bool? Boolean(Parameter parameter) => Has(parameter) ? this[parameter].Type == JsonTokenType.True : null;

    /// <summary>A whole number; null where it is not given.</summary>
    public long? Integer(Parameter parameter, long min, long max)
    {
        if (Error is not null || !Has(parameter)) return null;
        ReadOnlySpan<byte> text = Text(parameter).Span;
        if (Utf8Parser.TryParse(text, out long number, out int consumed) && consumed == text.Length && number >= min && number <= max)
            return number;
        RefuseValue(parameter);
        return null;
    }

    /// <summary>A number of seconds, in milliseconds, rounded up; null where it is not given, or null.</summary>
    public long? Milliseconds(Parameter parameter, decimal min, decimal max)
    {
        if (Error is not null || !Has(parameter) || this[parameter].Type == JsonTokenType.Null) return null;
        if (decimal.TryParse(Text(parameter).Span, NumberStyles.Float, CultureInfo.InvariantCulture, out decimal seconds) &&
            seconds >= min && seconds <= max)
        {
            return (long)decimal.Ceiling(seconds * 1_000);
        }
        RefuseValue(parameter);
        return null;
    }

    public void RefuseValue(Parameter parameter)
    {
        string text = Encoding.UTF8.GetString(Text(parameter).Span);
        string told = text.Length <= 64 ? text : $"{text[..64]}...";
        Refuse(ErrorCode.InvalidValue, $"\"{Name(parameter)}\" is {told}, expected {Functions.Parameter(parameter).Expected}");
    }

    public void Refuse(ErrorCode code, string message) => Refuse(new ProtocolError(code, message));

    public void Refuse(ProtocolError error) => Error ??= error;

    private static string Name(Parameter parameter) => Functions.Parameter(parameter).Name;
}
