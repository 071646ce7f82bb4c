namespace KestrelKv.Benchmarks;

internal static class Medians
{
    /// <summary>Returns the median of a figure. For an even number of results it is the lower of the two middle values.</summary>
    public static double Median<T>(this IReadOnlyList<T> results, Func<T, double> figure) =>
        results.Select(figure).Order().ElementAt((results.Count - 1) / 2);
}
