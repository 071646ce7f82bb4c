namespace KestrelKv.Storage.Tests.Soak;

/// <summary>Random sizes.</summary>
internal static class RandomSizes
{
    /// <summary>0 to <paramref name="max"/>, each power of 2 as likely as the next.</summary>
    public static int UpTo(this Random random, int max) => (int)(Math.Pow(max + 1.0, random.NextDouble()) - 1 + 1e-9);
}
