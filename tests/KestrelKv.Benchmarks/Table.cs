namespace KestrelKv.Benchmarks;

internal sealed class Table(params string[] titles)
{
    private readonly List<string[]> _rows = [titles, [.. titles.Select(_ => "---")]];

    public void Add(params string[] cells) => _rows.Add(cells);

    public override string ToString() => string.Join('\n', _rows.Select(cells => $"| {string.Join(" | ", cells)} |"));
}
