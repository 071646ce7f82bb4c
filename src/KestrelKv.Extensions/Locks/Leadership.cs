namespace KestrelKv.Extensions.Locks;

/// <summary>The time in which a process is the leader.</summary>
public sealed class Leadership
{
    private readonly KestrelKvLockHandle _handle;

    internal Leadership(KestrelKvLockHandle handle) => _handle = handle;

    /// <summary>The name of the election.</summary>
    public string Name => _handle.Name;

    /// <summary>A number that is greater than those of all previous leaders. See <see cref="KestrelKvLockHandle.FencingToken"/>.</summary>
    public long FencingToken => _handle.FencingToken;

    /// <summary>Whether the process is still the leader, by its own clock. See <see cref="KestrelKvLockHandle.IsHeld"/>.</summary>
    public bool IsLeader => _handle.IsHeld;
}
