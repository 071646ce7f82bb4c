namespace KestrelKv.Storage;

/// <summary>Where the versions of a run begin: above every version that any run before it can have shown.</summary>
/// <remarks>
/// <para>
/// A run does not know what the runs before it have shown: a crash loses commits, and a directory that was put back from a copy or a
/// backup never had them. Hence the clock gives the number, 1,024 versions for each millisecond of Unix time. It is above all
/// versions that were counted up since an earlier start, unless that run made more than a million commits a second on average.
/// </para>
/// <para>
/// A clock that was set back is caught by <see cref="Stride"/>: the result is above the last version known by more commits than a
/// crash loses. The low bits are random, so that two stores restored from one backup do not begin alike. All
/// results from the clock are exact in a double (below 2^53); a clock beyond the year 2109 is ignored.
/// </para>
/// </remarks>
internal static class VersionRange
{
    /// <summary>The least distance to the last version known.</summary>
    public const long Stride = 1L << 24;

    private const int BitsPerMillisecond = 10;
    private const long ClockMax = 1L << 52;

    /// <summary>Returns the version after which those of a new run begin.</summary>
    /// <param name="known">The greatest version known.</param>
    /// <param name="now">The time.</param>
    public static long After(long known, DateTimeOffset now)
    {
        long clock = now.ToUnixTimeMilliseconds() << BitsPerMillisecond;
        long start = clock <= ClockMax ? Math.Max(known + Stride, clock) : known + Stride;
        return start + Random.Shared.Next(1 << BitsPerMillisecond);
    }
}
