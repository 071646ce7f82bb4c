namespace KestrelKv.Storage;

/// <summary>Computes the first version of a run, above every version that earlier runs may have made visible.</summary>
/// <remarks>
/// <para>
/// A run cannot determine which versions earlier runs made visible. A crash loses commits, and a directory restored from a copy or a
/// backup never had them. The version is therefore derived from the clock: 1,024 versions per millisecond of Unix time. This exceeds
/// all versions assigned since an earlier start, unless that run averaged more than a million commits per second.
/// </para>
/// <para>
/// <see cref="Stride"/> covers a clock that was set back: the result exceeds the last known version by more commits than a crash
/// loses. The low bits are random, so that two stores restored from one backup start at different versions. All results from the clock
/// are exact in a double (below 2^53). A clock beyond the year 2109 is ignored.
/// </para>
/// </remarks>
internal static class VersionRange
{
    /// <summary>The minimum distance to the last known version.</summary>
    public const long Stride = 1L << 24;

    private const int BitsPerMillisecond = 10;
    private const long ClockMax = 1L << 52;

    /// <summary>Returns the version that precedes the first one of a new run, above the highest known version.</summary>
    public static long After(long known, DateTimeOffset now)
    {
        long clock = now.ToUnixTimeMilliseconds() << BitsPerMillisecond;
        long start = clock <= ClockMax ? Math.Max(known + Stride, clock) : known + Stride;
        return start + Random.Shared.Next(1 << BitsPerMillisecond);
    }
}
