namespace KestrelKv.Benchmarks.Interference;

/// <summary>Repeats an action until it is disposed of.</summary>
internal sealed class Repetition : IInterference
{
    private readonly Task _running;
    private readonly IDisposable? _owned;
    private volatile bool _isEnding;
    private long _done;

    public Repetition(Action action, IDisposable? owned = null)
    {
        _owned = owned;
        _running = BackgroundThread.Run(() =>
        {
            for (; !_isEnding; Interlocked.Increment(ref _done)) action();
        });
    }

    public long Done => Interlocked.Read(ref _done);

    public void Dispose()
    {
        _isEnding = true;
        _running.Wait();
        _owned?.Dispose();
    }
}
