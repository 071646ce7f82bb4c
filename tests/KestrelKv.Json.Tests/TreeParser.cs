using System.Globalization;
using System.Text;

namespace KestrelKv.Json.Tests;

/// <summary>Parses valid JSON to a <see cref="Tree"/>.</summary>
internal sealed class TreeParser(string text)
{
    private int _at;

    public static Tree Parse(string text) => new TreeParser(text).Value();

    private char Next()
    {
        while (" \t\r\n".Contains(text[_at], StringComparison.Ordinal)) _at++;
        return text[_at];
    }

    private Tree Value() => Next() switch
    {
        '{' => Object(),
        '[' => Array(),
        '"' => new Tree { Kind = '"', Text = String() },
        char c and ('t' or 'f' or 'n') => Word(c),
        _ => Number(),
    };

    private Tree Word(char kind)
    {
        _at += kind == 'f' ? 5 : 4;
        return new Tree { Kind = kind };
    }

    private Tree Number()
    {
        int start = _at;
        while (_at < text.Length && "+-.eE0123456789".Contains(text[_at], StringComparison.Ordinal)) _at++;
        return Tree.Number(text[start.._at]);
    }

    private Tree Object()
    {
        var tree = Tree.Object();
        for (_at++; Next() != '}';)
        {
            if (text[_at] == ',') _at++;
            Next();
            int start = _at;
            string name = String();
            Next();
            _at++;
            tree.Members[name] = Value();
            tree.Spelled.Add((name, text[start.._at]));
        }
        _at++;
        return tree;
    }

    private Tree Array()
    {
        var tree = new Tree { Kind = '[' };
        for (_at++; Next() != ']';)
        {
            if (text[_at] == ',') _at++;
            tree.Elements.Add(Value());
        }
        _at++;
        return tree;
    }

    private string String()
    {
        var characters = new StringBuilder();
        for (_at++; text[_at] != '"'; _at++)
        {
            if (text[_at] != '\\') characters.Append(text[_at]);
            else if (text[++_at] == 'u')
            {
                characters.Append((char)int.Parse(text.AsSpan(_at + 1, 4), NumberStyles.HexNumber, CultureInfo.InvariantCulture));
                _at += 4;
            }
            else characters.Append(text[_at] switch { 'b' => '\b', 'f' => '\f', 'n' => '\n', 'r' => '\r', 't' => '\t', char c => c });
        }
        _at++;
        return characters.ToString();
    }
}
