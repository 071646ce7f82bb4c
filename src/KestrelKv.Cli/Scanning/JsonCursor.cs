using System.Text.Json;
using System.Text.Unicode;
using KestrelKv.Json;

namespace KestrelKv.Cli.Scanning;

/// <summary>Reads JSON text as slices, token by token. Values are validated and not copied.</summary>
/// <param name="text">The text.</param>
/// <param name="depthMax">The maximum nesting of a value.</param>
internal ref struct JsonCursor(ReadOnlySpan<byte> text, int depthMax)
{
    /// <summary>The nesting of replies: the server has checked their values.</summary>
    public const int ReplyDepthMax = 100_000;

    private readonly ReadOnlySpan<byte> _text = text;
    private readonly bool _isShort = text.Length < JsonSkipper.TextBytesMin;
    private JsonSkipper _skipper = text.Length < JsonSkipper.TextBytesMin ? default : new(text, depthMax);
    private int _at;
    private bool _wasSlow;

    /// <summary>Returns a member of an object, as spelled; empty if it is missing.</summary>
    /// <exception cref="JsonException">The text is not an object.</exception>
    public static ReadOnlySpan<byte> MemberOf(ReadOnlySpan<byte> json, ReadOnlySpan<byte> name)
    {
        var cursor = new JsonCursor(json, ReplyDepthMax);
        cursor.Take((byte)'{');
        while (!cursor.TryTake((byte)'}'))
        {
            cursor.TryTake((byte)',');
            bool isFound = cursor.TakeName().SequenceEqual(name);
            ReadOnlySpan<byte> value = cursor.TakeValue();
            if (isFound) return value;
        }
        return default;
    }

    /// <summary>Returns a member of an object that is an integer; -1 if it is missing.</summary>
    /// <exception cref="JsonException">The text is not an object.</exception>
    public static long NumberOf(ReadOnlySpan<byte> json, ReadOnlySpan<byte> name) =>
        MemberOf(json, name) is { IsEmpty: false } value ? EntryReader.Number(value) : -1;

    /// <summary>Whether only white space follows.</summary>
    public bool IsAtEnd
    {
        get
        {
            SkipWhiteSpace();
            return _at == _text.Length;
        }
    }

    /// <summary>Whether the strings of a text that was read are valid UTF-8.</summary>
    public readonly bool IsUtf8 => (!_isShort && !_wasSlow && _skipper.IsAscii) || Utf8.IsValid(_text);

    public bool TryTake(byte token)
    {
        SkipWhiteSpace();
        if (_at >= _text.Length || _text[_at] != token) return false;
        _at++;
        return true;
    }

    /// <exception cref="JsonException">The next byte is another one.</exception>
    public void Take(byte token)
    {
        if (!TryTake(token)) throw Unexpected($"'{(char)token}'");
    }

    /// <summary>Takes the name of a member and its colon. Returns the name as spelled, without quotes.</summary>
    /// <exception cref="JsonException">There is none.</exception>
    public ReadOnlySpan<byte> TakeName()
    {
        SkipWhiteSpace();
        if (_at >= _text.Length || _text[_at] != '"') throw Unexpected("the name of a member");
        ReadOnlySpan<byte> name = TakeValue();
        Take((byte)':');
        return name[1..^1];
    }

    /// <summary>Takes a value of any type, as spelled.</summary>
    /// <exception cref="JsonException">It is invalid, or too deep.</exception>
    public ReadOnlySpan<byte> TakeValue()
    {
        SkipWhiteSpace();
        int start = _at;
        int end = _isShort || start >= _text.Length ? -1 : _skipper.SkipValue(start);
        if (end < 0) end = SkipSlowly(start);
        _at = end;
        return _text[start..end];
    }

    private readonly JsonException Unexpected(string expected) => new(_at >= _text.Length
        ? $"The text ends at byte {_at}, expected {expected}"
        : $"Byte {_at} is {(_text[_at] is > 32 and < 127 ? $"'{(char)_text[_at]}'" : $"0x{_text[_at]:X2}")}, expected {expected}");

    /// <summary>Skips a value that is deeper than the fast skipper accepts, or invalid.</summary>
    private int SkipSlowly(int start)
    {
        _wasSlow = true;
        var reader = new Utf8JsonReader(_text[start..], new JsonReaderOptions { MaxDepth = depthMax, AllowMultipleValues = true });
        if (!reader.Read()) throw Unexpected("a value");
        reader.Skip();
        return start + (int)reader.BytesConsumed;
    }

    private void SkipWhiteSpace()
    {
        while (_at < _text.Length && _text[_at] is (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n') _at++;
    }
}
