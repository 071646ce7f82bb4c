namespace KestrelKv.Json;

/// <summary>The last value in a document that a pointer reaches.</summary>
/// <param name="Start">The start of the value in the document.</param>
/// <param name="Resolved">The length of the part of the pointer that leads to the value.</param>
internal readonly record struct Place(int Start, int Resolved);

/// <summary>Follows a pointer in one pass over a document, regardless of depth.</summary>
/// <remarks>
/// Of duplicate members, the last counts, so each object is read to its end. The walk stores only the tokens of the levels it has
/// reached. It reads each token once and compares it at most once with each member: the time is linear in document and pointer.
/// </remarks>
internal ref struct PointerWalk
{
    private readonly ReadOnlySpan<byte> _text;
    private readonly ReadOnlySpan<byte> _pointer;

    /// <summary>One token per level reached, beginning with the outermost array or object.</summary>
    private PooledList<Token> _tokens;
    private int _at;

    /// <summary>The number of open arrays and objects.</summary>
    private int _open;
    private Place _place;

    private PointerWalk(ReadOnlySpan<byte> text, ReadOnlySpan<byte> pointer, Span<Token> tokens)
    {
        _text = text;
        _pointer = pointer;
        _tokens = new PooledList<Token>(tokens);
        _at = JsonScan.SkipWhiteSpace(text, 0);
    }

    /// <summary>Returns the last value that a pointer reaches.</summary>
    public static Place Follow(ReadOnlySpan<byte> text, ReadOnlySpan<byte> pointer)
    {
        var walk = new PointerWalk(text, pointer, stackalloc Token[8]);
        walk.Arrive();
        while (walk._open > 0) walk.Step();
        walk.Dispose();
        return walk._place;
    }

    public void Dispose() => _tokens.Dispose();

    /// <summary>The length of the part of the pointer that leads to the current value.</summary>
    private readonly int Resolved => _open == 0 ? 0 : _tokens.Items[_open - 1].End;

    /// <summary>Enters the current value if the pointer continues, or skips the value.</summary>
    private void Arrive()
    {
        while (true)
        {
            _place = new Place(_at, Resolved);
            bool isLast = _place.Resolved == _pointer.Length;
            if (!isLast && _text[_at] == '{')
            {
                Enter(_at + 1);
                return;
            }
            if (isLast || _text[_at] != '[' || !TryEnterElement())
            {
                // Nothing follows the outermost value.
                if (_open > 0) _at = JsonScan.SkipValue(_text, _at);
                return;
            }
        }
    }

    private bool TryEnterElement()
    {
        int index = TokenOf(_open).Index;
        if (index < 0) return false;

        var items = new ItemReader(_text, _at);
        do
        {
            if (!items.MoveToNext()) return false;
            if (index-- == 0) break;
            items.Pass();
        }
        while (true);

        Enter(items.ValueStart);
        return true;
    }

    private void Enter(int at)
    {
        TokenOf(_open);
        _open++;
        _at = at;
    }

    /// <summary>Continues after the start of an object, or after a value in an array or object.</summary>
    private void Step()
    {
        _at = JsonScan.SkipWhiteSpace(_text, _at);
        if (_text[_at] is (byte)'}' or (byte)']')
        {
            _at++;
            _open--;
            return;
        }

        if (_text[_at] == ',') _at = JsonScan.SkipWhiteSpace(_text, _at + 1);
        int nameEnd = _text[_at] == '"' ? JsonScan.SkipString(_text, _at) : 0;
        int colon = nameEnd > 0 ? JsonScan.SkipWhiteSpace(_text, nameEnd) : 0;
        if (colon > 0 && _text[colon] == ':') PassMember(_text[(_at + 1)..(nameEnd - 1)], JsonScan.SkipWhiteSpace(_text, colon + 1));
        else
        {
            // The selected element has been visited; skip the remaining elements.
            _at = JsonScan.SkipToContainerEnd(_text, _at);
            _open--;
        }
    }

    private void PassMember(ReadOnlySpan<byte> name, int valueStart)
    {
        _at = valueStart;
        Token token = _tokens.Items[_open - 1];
        if (PointerToken.Matches(_pointer[(token.Slash + 1)..token.End], name)) Arrive();
        else _at = JsonScan.SkipValue(_text, valueStart);
    }

    /// <summary>Returns the token to find in the array or object of a level.</summary>
    private Token TokenOf(int level)
    {
        if (level == _tokens.Count)
        {
            int slash = Resolved, end = PointerToken.Next(_pointer, slash);
            if (!PointerToken.TryReadIndex(_pointer[(slash + 1)..end], out int index)) index = -1;
            _tokens.Add(new Token(slash, end, index));
        }
        return _tokens.Items[level];
    }

    /// <summary>A token of the pointer.</summary>
    /// <param name="Slash">The slash before the token.</param>
    /// <param name="End">The end of the token.</param>
    /// <param name="Index">The array index; negative if the token is not one.</param>
    private readonly record struct Token(int Slash, int End, int Index);
}
