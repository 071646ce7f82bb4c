using System.Globalization;
using System.Text;
using KestrelKv.Cli.Output;

namespace KestrelKv.Cli.KeyStats;

/// <summary>A report as text for people: a table, or a bar chart.</summary>
/// <param name="report">The report.</param>
/// <param name="top">The number of groups shown in each group.</param>
internal sealed class KeyReportText(KeyReport report, int top)
{
    private const int BarColumns = 40;

    private readonly StringBuilder _text = new();
    private readonly List<(string Name, Tally Tally)> _rows = [];

    /// <summary>Returns the report.</summary>
    /// <param name="isChart">Whether the groups are a bar chart of bytes.</param>
    public string Write(bool isChart)
    {
        AddRows(report.All, 0);
        int width = Math.Max(6, _rows.Max(row => row.Name.Length));
        if (isChart) WriteChart(width);
        else WriteTable(width);
        WriteLargest();
        WriteExpiries();
        return _text.ToString();
    }

    /// <summary>Adds a group, the largest groups inside, and the sum of the others.</summary>
    private void AddRows(PrefixGroup group, int indent)
    {
        string margin = new(' ', indent * 2);
        string name = DisplayText.Of(group.Prefix);
        if (group.Depth == 0) name = name.Length == 0 ? "all keys" : $"all of {name}";
        _rows.Add((margin + name, group.Total));
        if (group.Groups == 0) return;
        PrefixGroup[] inside = [.. report.Inside(group)];
        foreach (PrefixGroup inner in inside.Take(top)) AddRows(inner, indent + 1);
        (long count, Tally others) = report.Untracked(group);
        foreach (PrefixGroup inner in inside.Skip(top))
        {
            count++;
            others.Add(inner.Total);
        }
        if (count > 0) _rows.Add(($"{margin}  ({Figures.Count(count)} other prefixes)", others));
        if (group.Direct.Keys > 0) _rows.Add(($"{margin}  (keys without {DisplayText.Of(report.Delimiter)})", group.Direct));
    }

    private void WriteTable(int width)
    {
        Line($"{"prefix".PadRight(width)}  {"keys",14}  {"key + value",12}  {"average",10}  {"expiring",14}  share");
        foreach ((string name, Tally tally) in _rows)
        {
            double average = tally.Keys == 0 ? 0 : (double)tally.Bytes / tally.Keys;
            Line($"{name.PadRight(width)}  {Figures.Count(tally.Keys),14}  {Figures.Bytes(tally.Bytes),12}  {Figures.Bytes(average),10}" +
                $"  {Figures.Count(tally.Expiring),14}  {Share(tally),5}");
        }
    }

    private void WriteChart(int width)
    {
        foreach ((string name, Tally tally) in _rows.Skip(1))
        {
            int columns = report.All.Total.Bytes == 0 ? 0 : (int)Math.Round((double)tally.Bytes / report.All.Total.Bytes * BarColumns);
            Line($"{name.PadRight(width)}  {new string('█', columns).PadRight(BarColumns)}  {Figures.Bytes(tally.Bytes),10}  {Share(tally),5}");
        }
        Line(
            $"{_rows[0].Name.PadRight(width)}  {"",BarColumns}  {Figures.Bytes(_rows[0].Tally.Bytes),10}  {Figures.Count(_rows[0].Tally.Keys)} keys");
    }

    private void WriteLargest()
    {
        if (report.Largest.Count == 0) return;
        Line("");
        Line("largest keys");
        foreach ((string key, long bytes) in report.Largest) Line($"{Figures.Bytes(bytes),12}  {DisplayText.Of(key)}");
    }

    private void WriteExpiries()
    {
        if (report.All.Total.Expiring == 0) return;
        Line("");
        IEnumerable<string> ranges = report.Expiries.All.Where(range => range.Tally.Keys > 0)
            .Select(range => $"{Figures.Count(range.Tally.Keys)} {WithinText(range.Name)}");
        Line($"expiring keys: {string.Join(", ", ranges)}");
    }

    private static string WithinText(string range) => range == "later" ? range : $"within a{(range == "hour" ? "n" : "")} {range}";

    private string Share(in Tally tally) => report.All.Total.Bytes == 0 ? "-"
        : ((double)tally.Bytes / report.All.Total.Bytes).ToString("0.0 %", CultureInfo.InvariantCulture);

    private void Line(string line) => _text.Append(line.TrimEnd()).Append('\n');
}
