namespace KestrelKv.Storage.Tests.Soak;

internal static class RandomSizes
{
    /// <summary>Returns 0 to <paramref name="max"/>, with all powers of 2 equally likely.</summary>
    public static int UpTo(this Random random, int max) => (int)(Math.Pow(max + 1.0, random.NextDouble()) - 1 + 1e-9);
}
