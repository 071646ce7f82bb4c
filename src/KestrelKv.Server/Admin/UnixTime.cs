namespace KestrelKv.Server.Admin;

/// <summary>Converts times to their form on the wire and in HTTP: Unix time in seconds, with up to three decimals.</summary>
internal static class UnixTime
{
    /// <summary>Converts Unix time in milliseconds.</summary>
    public static decimal Seconds(long milliseconds) => milliseconds / 1_000m;

    /// <summary>Converts a point in time, rounded down to milliseconds.</summary>
    public static decimal Seconds(DateTimeOffset instant) => Seconds(instant.ToUnixTimeMilliseconds());
}
