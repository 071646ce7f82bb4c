using System.Text;

namespace KestrelKv.Cli.Shell;

/// <summary>A word of a command.</summary>
/// <param name="Text">The argument: without quotes.</param>
/// <param name="Raw">The text as typed.</param>
/// <param name="Start">The index of the word in the command.</param>
internal sealed record ShellWord(string Text, string Raw, int Start);

/// <summary>
/// Splits a command into words at white space. A word that begins with <c>{</c> or <c>[</c> is JSON and extends to the matching end. Other words may
/// have parts in single quotes, which have no escapes, or in double quotes with <c>\"</c> and <c>\\</c>.
/// </summary>
internal sealed class ShellWords
{
    private readonly string _line;
    private readonly List<ShellWord> _words = [];
    private readonly StringBuilder _word = new();
    private int _at;

    private ShellWords(string line) => _line = line;

    /// <summary>The words, the last of which may be incomplete.</summary>
    public IReadOnlyList<ShellWord> Words => _words;

    /// <summary>Whether the line ends in a quoted part, or in JSON.</summary>
    public bool IsOpen { get; private set; }

    /// <summary>Whether the line ends in a word, and not behind one.</summary>
    public bool IsInWord => _words.Count > 0 && _words[^1].Start + _words[^1].Raw.Length == _line.Length;

    public static ShellWords Split(string line)
    {
        var words = new ShellWords(line);
        while (words.ReadWord())
        {
        }
        return words;
    }

    /// <summary>Returns the arguments of a command. The value of <c>put</c> in double quotes is a JSON string.</summary>
    public string[] Arguments() =>
        [.. _words.Select((word, i) => i == 2 && _words[0].Text == "put" && word.Raw is ['"', .., '"'] ? word.Raw : word.Text)];

    private bool ReadWord()
    {
        while (_at < _line.Length && char.IsWhiteSpace(_line[_at])) _at++;
        if (_at == _line.Length) return false;
        int start = _at;
        _word.Clear();
        if (_line[_at] is '{' or '[') ReadJson();
        while (_at < _line.Length && !char.IsWhiteSpace(_line[_at])) ReadPart();
        _words.Add(new(_word.ToString(), _line[start.._at], start));
        return true;
    }

    private void ReadPart()
    {
        char c = _line[_at++];
        if (c == '\'') ReadQuoted('\'', hasEscapes: false);
        else if (c == '"') ReadQuoted('"', hasEscapes: true);
        else _word.Append(c);
    }

    private void ReadQuoted(char quote, bool hasEscapes)
    {
        for (; _at < _line.Length; _at++)
        {
            if (_line[_at] == quote)
            {
                _at++;
                return;
            }
            if (hasEscapes && _line[_at] == '\\' && _at + 1 < _line.Length && (_line[_at + 1] is '"' or '\\')) _at++;
            _word.Append(_line[_at]);
        }
        IsOpen = true;
    }

    /// <summary>Reads to the end of an object or array. Brackets in strings do not count.</summary>
    private void ReadJson()
    {
        (int depth, bool isString) = (0, false);
        while (_at < _line.Length)
        {
            char c = _line[_at++];
            _word.Append(c);
            if (isString && c == '\\' && _at < _line.Length) _word.Append(_line[_at++]);
            else if (c == '"') isString = !isString;
            else if (!isString && (c is '{' or '[')) depth++;
            else if (!isString && (c is '}' or ']') && --depth == 0) return;
        }
        IsOpen = true;
    }
}
