namespace KestrelKv.Storage.Tests.Durability;

/// <summary>
/// Runs continuations on the thread of the test, when the test says so. A test with waiting calls is therefore deterministic for a
/// seed.
/// </summary>
internal sealed class SingleThread : SynchronizationContext, IDisposable
{
    private readonly SynchronizationContext? _before = Current;
    private readonly Queue<(SendOrPostCallback Call, object? State)> _posted = [];

    public SingleThread() => SetSynchronizationContext(this);

    public override void Post(SendOrPostCallback d, object? state) => _posted.Enqueue((d, state));

    public void Run()
    {
        while (_posted.TryDequeue(out (SendOrPostCallback Call, object? State) posted)) posted.Call(posted.State);
    }

    /// <summary>Drops the posted continuations, because the process has died.</summary>
    public void Forget() => _posted.Clear();

    public void Dispose() => SetSynchronizationContext(_before);
}
