namespace KestrelKv.Storage.Postgres.Tests.Cluster;

/// <summary>The clock of the system, with an offset that tests change. Timers are not affected.</summary>
internal sealed class JumpingTime : TimeProvider
{
    private long _offset;

    public TimeSpan Offset
    {
        get => new(Volatile.Read(ref _offset));
        set => Volatile.Write(ref _offset, value.Ticks);
    }

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Offset;
}
