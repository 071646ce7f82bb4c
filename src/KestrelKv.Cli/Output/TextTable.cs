using System.Text;
using Spectre.Console;

namespace KestrelKv.Cli.Output;

/// <summary>
/// Writes aligned columns as rows arrive. Widths come from the first rows and grow with later ones, so that a table of any length needs
/// little memory.
/// </summary>
/// <param name="to">The output, which the caller flushes.</param>
/// <param name="columns">The titles of the columns.</param>
/// <param name="widthMax">The number of columns of the terminal. The last column is cut there.</param>
/// <param name="hasColors">Whether the titles are bold.</param>
internal sealed class TextTable(Stream to, string[] columns, int widthMax, bool hasColors)
{
    private const int RowsMax = 200;

    private readonly List<string[]> _rows = [];
    private readonly int[] _widths = [.. columns.Select(title => title.Length)];
    private bool _hasTitles;

    /// <summary>Adds a row with one cell for each column. Control characters are escaped.</summary>
    public void Add(string[] cells)
    {
        _rows.Add([.. cells.Select(DisplayText.Of)]);
        if (_rows.Count == RowsMax) Write();
    }

    /// <summary>Writes the rows that are not written yet.</summary>
    public void Write()
    {
        if (_rows.Count == 0) return;
        foreach (string[] row in _rows)
            for (int i = 0; i < columns.Length - 1; i++) _widths[i] = Math.Max(_widths[i], row[i].GetCellWidth());
        if (!_hasTitles) Write(columns, isTitle: true);
        _hasTitles = true;
        foreach (string[] row in _rows) Write(row, isTitle: false);
        _rows.Clear();
    }

    private void Write(string[] cells, bool isTitle)
    {
        var line = new StringBuilder();
        int width = 0;
        for (int i = 0; i < cells.Length - 1; i++)
        {
            line.Append(cells[i]).Append(' ', _widths[i] - cells[i].GetCellWidth() + 2);
            width += _widths[i] + 2;
        }
        line.Append(DisplayText.Cut(cells[^1], Math.Max(widthMax - width, 10)));
        string text = line.ToString().TrimEnd();
        to.Write(Encoding.UTF8.GetBytes(isTitle && hasColors ? $"\e[1m{text}\e[0m\n" : text + "\n"));
    }
}
