namespace KestrelKv.Storage.Tests.Durability;

/// <summary>
/// Keeps what comes after an await to the thread that it was begun on, and until it is told to go on: so that a test with
/// waiting calls does the same again on the same seed.
/// </summary>
internal sealed class SingleThread : SynchronizationContext, IDisposable
{
    private readonly SynchronizationContext? _before = Current;
    private readonly Queue<(SendOrPostCallback Call, object? State)> _posted = [];

    public SingleThread() => SetSynchronizationContext(this);

    public override void Post(SendOrPostCallback d, object? state) => _posted.Enqueue((d, state));

    /// <summary>Does all that was posted, and what that posts.</summary>
    public void Run()
    {
        while (_posted.TryDequeue(out (SendOrPostCallback Call, object? State) posted)) posted.Call(posted.State);
    }

    /// <summary>What was posted will never be done: the process has died.</summary>
    public void Forget() => _posted.Clear();

    public void Dispose() => SetSynchronizationContext(_before);
}
