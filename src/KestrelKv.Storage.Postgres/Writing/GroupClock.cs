namespace KestrelKv.Storage.Postgres.Writing;

/// <summary>The clock of a workspace: it stands still while a group is evaluated. Its timers never fire.</summary>
internal sealed class GroupClock : TimeProvider
{
    /// <summary>The time of the group, in milliseconds of Unix time.</summary>
    public long Now { get; set; }

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow() => DateTimeOffset.FromUnixTimeMilliseconds(Now);

    /// <inheritdoc/>
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => new NoTimer();

    private sealed class NoTimer : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period) => true;

        public void Dispose()
        {
        }

        public ValueTask DisposeAsync() => default;
    }
}
