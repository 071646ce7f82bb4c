namespace KestrelKv.Extensions.Locks;

internal static class LockTimes
{
    /// <summary>The pause after a failed call. Calls themselves wait for a connection, so it is rarely needed.</summary>
    public static readonly TimeSpan AfterFailure = TimeSpan.FromMilliseconds(100);

    /// <summary>The shortest deadline of a call.</summary>
    public static readonly TimeSpan CallMin = TimeSpan.FromMilliseconds(1);

    /// <summary>The deadline of a release. A holder that ends must not wait long for a server that is away: the lock expires.</summary>
    public static readonly TimeSpan Release = TimeSpan.FromSeconds(5);

    /// <summary>The deadline of the release of a lost lock.</summary>
    public static readonly TimeSpan LateRelease = TimeSpan.FromSeconds(1);
}
