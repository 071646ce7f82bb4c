using System.Globalization;
using KestrelKv.Cli.Shell;
using KestrelKv.Cli.Shell.Editing;

namespace KestrelKv.Cli.Tests.Shell;

/// <summary>The line editor without a terminal: keys in, screen out.</summary>
public sealed class LineEditorTests
{
    private readonly History _history = new(null);
    private readonly FakeTerminal _terminal = new(20);
    private Func<string, int, (int Start, string[] Words)> _complete = (_, cursor) => (cursor, []);

    [Theory]
    [InlineData("abc", "abc", 5)]
    [InlineData("abc\x01X", "Xabc", 3)]
    [InlineData("abc\x01X\x05Y", "XabcY", 7)]
    [InlineData("abc def\x17X", "abc X", 7)]
    [InlineData("abc def\x15X", "X", 3)]
    [InlineData("abc def\x01\v", "", 2)]
    [InlineData("abc def\x17\x01\x19", "defabc ", 5)]
    [InlineData("abc\x02\x02\x04", "ac", 3)]
    [InlineData("ab\x7f\b", "", 2)]
    [InlineData("a😀你\x7f", "a😀", 5)]
    [InlineData("a😀你\x02\x02X", "aX😀你", 4)]
    [InlineData("e\u0301\x7f", "", 2)]
    public void Press_EditsTheTextAndTheScreen(string keys, string text, int column)
    {
        LineEditor editor = Type(keys);
        Assert.Equal(text, editor.Text);
        Assert.Equal(("> " + text).TrimEnd(), Assert.Single(_terminal.Rows));
        Assert.Equal((0, column), (_terminal.Row, _terminal.Column));
    }

    [Fact]
    public void Press_OfWordMoves_StopsAtLettersAndDigits()
    {
        LineEditor editor = Type("get user:12");
        Press(editor, new ConsoleKeyInfo('b', ConsoleKey.B, false, true, false));
        Assert.Equal(11, _terminal.Column);
        Press(editor, new ConsoleKeyInfo('\0', ConsoleKey.LeftArrow, false, false, true));
        Assert.Equal(6, _terminal.Column);
        Press(editor, new ConsoleKeyInfo('f', ConsoleKey.F, false, true, false));
        Assert.Equal(10, _terminal.Column);
    }

    [Fact]
    public void Accept_OfAnOpenBracket_ContinuesOnTheNextLine()
    {
        LineEditor editor = Type("put a {\"x\":\r1}");
        Assert.Equal(["> put a {\"x\":", "... 1}"], _terminal.Rows);
        Press(editor, new ConsoleKeyInfo('\0', ConsoleKey.UpArrow, false, false, false));
        Assert.Equal((0, 4), (_terminal.Row, _terminal.Column));
        Assert.Equal(EditState.Accepted, Press(editor, new ConsoleKeyInfo('\r', ConsoleKey.Enter, false, false, false)));
        Assert.Equal("put a {\"x\":\n1}", editor.Text);
        Assert.Equal((2, 0), (_terminal.Row, _terminal.Column));
    }

    [Fact]
    public void Up_ShowsEarlierCommands_DownReturnsToTheDraft()
    {
        _history.Add("first");
        _history.Add("second");
        Assert.Equal("first", Type("dra\x10\x10").Text);
        Assert.Equal("dra", Type("dra\x10\x10\x0e\x0e").Text);
        Assert.Equal("dra", Type("dra\x0e").Text);
    }

    [Fact]
    public void Search_FindsCommandsBackwards()
    {
        foreach (string line in new[] { "get user:1", "get order:1", "get user:2" }) _history.Add(line);
        Assert.Equal("get user:2", Type("\x12user").Text);
        Assert.Equal("get user:1", Type("\x12user\x12").Text);
        Assert.Equal("get user:12", Type("\x12user\x12\x05" + "2").Text);
    }

    [Fact]
    public void Complete_InsertsTheCommonStart_ThenListsTheWords()
    {
        _complete = (_, _) => (4, ["user:1 ", "user:2 "]);
        LineEditor editor = Type("get u\t");
        Assert.Equal("get user:", editor.Text);
        Press(editor, new ConsoleKeyInfo('\t', ConsoleKey.Tab, false, false, false));
        Assert.Equal(["> get user:", "user:1  user:2", "> get user:"], _terminal.Rows);
    }

    [Fact]
    public void Control_EndsOrCancels()
    {
        Assert.Equal(EditState.EndOfInput, Press(Type(""), new ConsoleKeyInfo('\x04', ConsoleKey.D, false, false, true)));
        Assert.Equal(EditState.Canceled, Press(Type("abc"), new ConsoleKeyInfo('\x03', ConsoleKey.C, false, false, true)));
    }

    /// <summary>Random keys on terminals of random widths: the screen always shows the text, and the cursor is where it belongs.</summary>
    [Fact]
    public void Draw_OfRandomEdits_ShowsTheText()
    {
        for (int seed = 0; seed < 200; seed++)
        {
            var random = new Random(seed);
            int columns = random.Next(10, 30);
            var terminal = new FakeTerminal(columns);
            var screen = new EditScreen(() => columns);
            var editor = new LineEditor("> ", _history, screen, (_, cursor) => new(cursor, []), text => ShellWords.Split(text).IsOpen);
            editor.Draw();
            for (int i = 0; i < 60; i++)
            {
                string key =
                    random.GetItems(["a", " ", "{", "你", "😀", "e", "\r", "\x01", "\x05", "\x02", "\x06", "\x7f", "\x17", "\v", "\x10"], 1)[0];
                foreach (char c in key)
                {
                    EditAction action = KeyPress.Of(new ConsoleKeyInfo(c, default, false, false, false)).Action;
                    if (action == EditAction.Accept && !ShellWords.Split(editor.Text).IsOpen) continue;
                    if (char.IsHighSurrogate(c)) editor.Press(new(EditAction.Insert, key));
                    else if (!char.IsLowSurrogate(c)) editor.Press(new(action, key));
                }
                terminal.Write(screen.Take());
                Assert.True(Wrap("> " + editor.Text.Replace("\n", "\n... ", StringComparison.Ordinal), columns)
                    .SequenceEqual(terminal.Rows), $"seed {seed}, step {i}");
            }
        }
    }

    /// <summary>Returns the rows of a text. A full row is followed by another one.</summary>
    private static string[] Wrap(string text, int columns)
    {
        List<string> rows = [""];
        int column = 0;
        foreach (string element in Elements(text))
        {
            int width = element == "\n" ? 0 : TextColumns.Of(element);
            if (element == "\n" || column + width > columns) AddRow();
            if (element != "\n") rows[^1] += element;
            column += width;
            if (column == columns) AddRow();
        }
        return [.. rows.Select(row => row.TrimEnd())];

        void AddRow()
        {
            rows.Add("");
            column = 0;
        }
    }

    [Fact]
    public void Draw_OfControlCharacters_EscapesThem()
    {
        var screen = new EditScreen(() => 20);
        screen.Draw("> ", ". ", "a\e\u009b\r\nb\u0007", cursor: 3);
        _terminal.Write(screen.Take());
        Assert.Equal([@"> a\u001b\u009b\r", @". b\u0007"], _terminal.Rows);
        Assert.Equal((0, 15), (_terminal.Row, _terminal.Column));
    }

    private static IEnumerable<string> Elements(string text)
    {
        TextElementEnumerator elements = StringInfo.GetTextElementEnumerator(text);
        while (elements.MoveNext()) yield return elements.GetTextElement();
    }

    private EditScreen? _screen;

    private LineEditor Type(string keys)
    {
        _screen = new EditScreen(() => 20);
        var editor = new LineEditor("> ", _history, _screen, (text, cursor) =>
            { (int start, string[] words) = _complete(text, cursor); return new(start, words); }, text => ShellWords.Split(text).IsOpen);
        editor.Draw();
        for (int i = 0; i < keys.Length; i++)
        {
            if (char.IsHighSurrogate(keys[i])) editor.Press(new(EditAction.Insert, keys.Substring(i++, 2)));
            else editor.Press(KeyPress.Of(new ConsoleKeyInfo(keys[i], default, false, false, false)));
        }
        _terminal.Write(_screen.Take());
        return editor;
    }

    private EditState Press(LineEditor editor, ConsoleKeyInfo key)
    {
        EditState state = editor.Press(KeyPress.Of(key));
        _terminal.Write(_screen!.Take());
        return state;
    }
}
