namespace KestrelKv.Benchmarks;

internal static class Medians
{
    /// <summary>The median of a figure; the lower of the two in the middle where their number is even.</summary>
    public static double Median<T>(this IReadOnlyList<T> results, Func<T, double> figure) =>
        results.Select(figure).Order().ElementAt((results.Count - 1) / 2);
}
