namespace KestrelKv.Server.Admin;

/// <summary>Instants as both doors show them: Unix time in seconds, with up to three decimals.</summary>
internal static class UnixTime
{
    /// <summary>Of milliseconds.</summary>
    public static decimal Seconds(long milliseconds) => milliseconds / 1_000m;

    /// <summary>Of an instant.</summary>
    public static decimal Seconds(DateTimeOffset instant) => Seconds(instant.ToUnixTimeMilliseconds());
}
