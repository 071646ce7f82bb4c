using System.Globalization;

namespace KestrelKv.Cli.Top;

/// <summary>A line of the Prometheus text format.</summary>
/// <param name="Name">The name of the metric.</param>
/// <param name="Labels">The text between the braces; empty if there are none.</param>
/// <param name="Value">The value.</param>
internal readonly record struct Metric(string Name, string Labels, double Value)
{
    /// <summary>Parses a page of metrics. Comments and lines that are not metrics are skipped, as the format requires.</summary>
    public static List<Metric> ParsePage(string page)
    {
        var metrics = new List<Metric>();
        foreach (ReadOnlySpan<char> line in page.AsSpan().EnumerateLines())
        {
            if (!line.IsEmpty && line[0] != '#' && TryParse(line, out Metric metric)) metrics.Add(metric);
        }
        return metrics;
    }

    /// <summary>Returns the value of a label; empty if it is missing. Escapes are kept: the labels of the server have none.</summary>
    public string Label(string name)
    {
        int at = -1;
        do
        {
            at = Labels.IndexOf(name + "=\"", at + 1, StringComparison.Ordinal);
        }
        while (at > 0 && Labels[at - 1] is not (',' or ' '));
        if (at < 0) return "";
        int begin = at + name.Length + 2, end = Labels.IndexOf('"', begin);
        return end < 0 ? "" : Labels[begin..end];
    }

    private static bool TryParse(ReadOnlySpan<char> line, out Metric metric)
    {
        int open = line.IndexOf('{'), close = line.LastIndexOf('}');
        bool hasLabels = open > 0 && close > open;
        int nameEnd = hasLabels ? open : line.IndexOf(' ');
        metric = default;
        if (nameEnd <= 0) return false;
        ReadOnlySpan<char> rest = line[(hasLabels ? close + 1 : nameEnd)..].Trim();
        if (rest.IndexOf(' ') is var space and >= 0) rest = rest[..space]; // A timestamp follows.
        if (!TryParseNumber(rest, out double value)) return false;
        metric = new(line[..nameEnd].ToString(), hasLabels ? line[(open + 1)..close].ToString() : "", value);
        return true;
    }

    /// <summary>Parses a number of the format, which may be <c>+Inf</c>.</summary>
    public static bool TryParseNumber(ReadOnlySpan<char> text, out double number)
    {
        number = double.PositiveInfinity;
        return text is "+Inf" || double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out number);
    }
}
