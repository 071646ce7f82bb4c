using System.Globalization;
using KestrelKv.Cli.Shell.Editing;

namespace KestrelKv.Cli.Tests.Shell;

/// <summary>A terminal in memory, which executes the sequences that the editor sends.</summary>
internal sealed class FakeTerminal(int columns)
{
    private readonly List<string?[]> _rows = [new string?[columns]];

    public int Row { get; private set; }

    public int Column { get; private set; }

    /// <summary>The rows without spaces at their ends. The second column of a wide character is empty.</summary>
    public string[] Rows => [.. _rows.Select(row => string.Concat(row.Select(cell => cell ?? " ")).TrimEnd())];

    public void Write(string output)
    {
        for (int at = 0; at < output.Length;)
        {
            if (output[at] == '\e') at = Escape(output, at + 2);
            else if (output[at] is '\r') (Column, at) = (0, at + 1);
            else if (output[at] is '\n') (Row, at) = (Row + 1, at + 1);
            else at += Put(output.Substring(at, StringInfo.GetNextTextElementLength(output, at)));
            while (_rows.Count <= Row) _rows.Add(new string?[columns]);
        }
    }

    private int Put(string element)
    {
        int width = TextColumns.Of(element);
        Assert.True(Column + width <= columns, "a character is written beyond the last column");
        _rows[Row][Column] = element;
        if (width == 2) _rows[Row][Column + 1] = "";
        Column += width;
        return element.Length;
    }

    private int Escape(string output, int at)
    {
        int end = at;
        while (!char.IsAsciiLetter(output[end])) end++;
        int count = end == at ? 1 : int.Parse(output[at..end], CultureInfo.InvariantCulture);
        switch (output[end])
        {
            case 'A': Row -= count; break;
            case 'C': Column += count; break;
            case 'H': (Row, Column) = (0, 0); break;
            case 'J' when end > at: _rows.Clear(); break;
            case 'J': ClearBelow(); break;
            default: Assert.Fail($"unknown sequence {output[at..(end + 1)]}"); break;
        }
        Assert.True(Row >= 0 && Column <= columns);
        return end + 1;
    }

    private void ClearBelow()
    {
        _rows.RemoveRange(Row + 1, _rows.Count - Row - 1);
        Array.Clear(_rows[Row], Column, columns - Column);
    }
}
