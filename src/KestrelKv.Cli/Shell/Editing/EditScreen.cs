using System.Globalization;
using System.Text;
using KestrelKv.Cli.Output;

namespace KestrelKv.Cli.Shell.Editing;

/// <summary>
/// Draws a prompt and a text in place, over as many rows as they need. A row is ended explicitly where it is full, so that the position of the
/// cursor does not depend on how the terminal wraps lines.
/// </summary>
/// <param name="columns">Returns the width of the terminal.</param>
internal sealed class EditScreen(Func<int> columns)
{
    private readonly StringBuilder _output = new();
    private int _row;    // Of the position while drawing.
    private int _column;
    private int _cursorRow; // Of the cursor, below the first row of the prompt.

    /// <summary>Returns what to send to the terminal since the last call.</summary>
    public string Take()
    {
        string output = _output.ToString();
        _output.Clear();
        return output;
    }

    /// <summary>Draws the text in place of the last one.</summary>
    /// <param name="prompt">The prompt of the first line.</param>
    /// <param name="nextPrompt">The prompt of further lines.</param>
    /// <param name="text">The text.</param>
    /// <param name="cursor">The index of the cursor in the text.</param>
    public void Draw(string prompt, string nextPrompt, string text, int cursor)
    {
        Move(_cursorRow, 'A');
        _output.Append("\r\e[J");
        (_row, _column) = (0, 0);
        Write(prompt);
        (int row, int column) = (_row, _column);
        for (int at = 0; at < text.Length;)
        {
            int length = char.IsControl(text[at]) ? 1 : StringInfo.GetNextTextElementLength(text, at);
            if (text[at] is '\n') NextLine(nextPrompt);
            else Write(text.Substring(at, length));
            at += length;
            if (at <= cursor) (row, column) = (_row, _column);
        }
        Move(_row - row, 'A');
        _output.Append('\r');
        Move(column, 'C');
        _cursorRow = row;
    }

    /// <summary>Moves below a text that was drawn with the cursor at its end.</summary>
    public void EndLine()
    {
        _output.Append("\r\n");
        _cursorRow = 0;
    }

    /// <summary>Clears the terminal. The text must be drawn again.</summary>
    public void Clear()
    {
        _output.Append("\e[H\e[2J");
        _cursorRow = 0;
    }

    /// <summary>Writes words in columns below a text that was drawn with the cursor at its end.</summary>
    public void List(IReadOnlyList<string> words)
    {
        EndLine();
        int width = Math.Min(columns(), words.Max(word => word.Length) + 2), perRow = Math.Max(1, columns() / width);
        foreach (string[] row in words.Chunk(perRow))
            _output.Append(string.Concat(row.Select(word => word.PadRight(width))).TrimEnd()).Append("\r\n");
    }

    /// <summary>Writes text on one line. Characters that control the terminal are escaped.</summary>
    private void Write(string text)
    {
        text = DisplayText.Of(text);
        for (int at = 0, length; at < text.Length; at += length)
        {
            length = StringInfo.GetNextTextElementLength(text, at);
            WriteElement(text.AsSpan(at, length));
        }
    }

    private void WriteElement(ReadOnlySpan<char> element)
    {
        int width = TextColumns.Of(element);
        if (_column + width > columns()) NextRow();
        _output.Append(element);
        _column += width;
        if (_column >= columns()) NextRow();
    }

    private void NextLine(string prompt)
    {
        NextRow();
        Write(prompt);
    }

    private void NextRow()
    {
        _output.Append("\r\n");
        (_row, _column) = (_row + 1, 0);
    }

    private void Move(int count, char direction)
    {
        if (count > 0) _output.Append(CultureInfo.InvariantCulture, $"\e[{count}{direction}");
    }
}
