namespace KestrelKv.Benchmarks.Interference;

/// <summary>Does something again and again.</summary>
internal sealed class Repetition : IInterference
{
    private readonly Task _running;
    private readonly IDisposable? _owned;
    private volatile bool _isEnding;
    private long _done;

    /// <param name="action">What is done.</param>
    /// <param name="owned">What is disposed of in the end.</param>
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
