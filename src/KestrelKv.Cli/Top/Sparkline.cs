namespace KestrelKv.Cli.Top;

/// <summary>The last values of a figure, drawn as a row of bars. The highest bar is the maximum of those shown.</summary>
internal sealed class Sparkline
{
    /// <summary>The number of values kept, more than the columns of a common terminal.</summary>
    private const int ValuesMax = 500;

    private const string Bars = "▁▂▃▄▅▆▇█";

    private readonly Queue<double> _values = new();

    public void Add(double value)
    {
        _values.Enqueue(value);
        if (_values.Count > ValuesMax) _values.Dequeue();
    }

    /// <summary>Returns the bars of the last values.</summary>
    /// <param name="columns">The maximum number of bars.</param>
    public string Draw(int columns)
    {
        double[] shown = [.. _values.TakeLast(Math.Max(0, columns))];
        double max = shown.Length > 0 ? shown.Max() : 0;
        return string.Concat(shown.Select(value => max <= 0 ? Bars[0] : Bars[(int)Math.Min(Bars.Length - 1, value / max * Bars.Length)]));
    }
}
