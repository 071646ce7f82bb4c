namespace KestrelKv.Json;

/// <summary>How far a pointer leads into a document.</summary>
/// <param name="Start">Where the last value that it leads to begins.</param>
/// <param name="Resolved">How much of the pointer leads there.</param>
internal readonly record struct Place(int Start, int Resolved);

/// <summary>
/// Follows a pointer in one pass over a document, however deep it goes: what a member leads to counts until another one of the same
/// name comes, which is known only at the end of the object. On the way up nothing has to be remembered, as the text
/// after a value and the pointer tell where one is.
/// </summary>
internal ref struct PointerWalk
{
    private readonly ReadOnlySpan<byte> _text;
    private readonly ReadOnlySpan<byte> _pointer;
    private int _at;

    /// <summary>Where the token begins that the innermost open array or object is searched for.</summary>
    private int _slash;
    private int _open;
    private Place _place;

    private PointerWalk(ReadOnlySpan<byte> text, ReadOnlySpan<byte> pointer)
    {
        _text = text;
        _pointer = pointer;
        _at = JsonScan.SkipWhiteSpace(text, 0);
    }

    /// <summary>Follows a pointer as far as it leads.</summary>
    public static Place Follow(ReadOnlySpan<byte> text, ReadOnlySpan<byte> pointer)
    {
        var walk = new PointerWalk(text, pointer);
        walk.Arrive();
        while (walk._open > 0) walk.Step();
        return walk._place;
    }

    /// <summary>At a value that the pointer leads to: goes into it where there is more of the pointer, or past it.</summary>
    private void Arrive()
    {
        while (true)
        {
            _place = new Place(_at, _slash);
            bool isLast = _slash == _pointer.Length;
            if (!isLast && _text[_at] == '{')
            {
                _at++;
                _open++;
                return;
            }
            if (isLast || _text[_at] != '[' || !TryEnterElement())
            {
                // Past the whole of it nothing is wanted any more.
                if (_open > 0) _at = JsonScan.SkipValue(_text, _at);
                Back();
                return;
            }
        }
    }

    private bool TryEnterElement()
    {
        if (!PointerToken.TryReadIndex(PointerToken.At(_pointer, _slash), out int index) || index < 0) return false;

        var items = new ItemReader(_text, _at);
        do
        {
            if (!items.MoveToNext()) return false;
            if (index-- == 0) break;
            items.Pass();
        }
        while (true);

        _at = items.ValueStart;
        _open++;
        _slash = PointerToken.Next(_pointer, _slash);
        return true;
    }

    /// <summary>After the beginning of an object, or after a value inside of an array or object.</summary>
    private void Step()
    {
        _at = JsonScan.SkipWhiteSpace(_text, _at);
        if (_text[_at] is (byte)'}' or (byte)']')
        {
            _at++;
            Close();
            return;
        }

        if (_text[_at] == ',') _at = JsonScan.SkipWhiteSpace(_text, _at + 1);
        int nameEnd = _text[_at] == '"' ? JsonScan.SkipString(_text, _at) : 0;
        int colon = nameEnd > 0 ? JsonScan.SkipWhiteSpace(_text, nameEnd) : 0;
        if (colon > 0 && _text[colon] == ':') PassMember(_text[(_at + 1)..(nameEnd - 1)], JsonScan.SkipWhiteSpace(_text, colon + 1));
        else
        {
            // An array, whose element has been seen.
            _at = JsonScan.SkipRest(_text, _at);
            Close();
        }
    }

    private void PassMember(ReadOnlySpan<byte> name, int valueStart)
    {
        if (PointerToken.Matches(PointerToken.At(_pointer, _slash), name))
        {
            _at = valueStart;
            _slash = PointerToken.Next(_pointer, _slash);
            Arrive();
        }
        else _at = JsonScan.SkipValue(_text, valueStart);
    }

    private void Close()
    {
        _open--;
        Back();
    }

    private void Back() => _slash = Math.Max(0, _pointer[.._slash].LastIndexOf((byte)'/'));
}
