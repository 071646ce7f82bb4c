namespace KestrelKv.Client.Connections;

/// <summary>Limits the calls of a lane, and the bytes of their requests. Calls beyond a limit wait in order of arrival. Thread-safe.</summary>
/// <remarks>A call enters before its request is written, when its length is not known. One request per caller can exceed the limit of bytes.</remarks>
internal sealed class Admission(int callsMax, long bytesMax)
{
    private readonly Lock _lock = new();
    private readonly Queue<TaskCompletionSource> _waiting = new();
    private int _calls;
    private long _bytes;

    /// <summary>The number of calls that have entered and not left.</summary>
    public int Calls => Volatile.Read(ref _calls);

    public bool TryEnter()
    {
        lock (_lock)
        {
            if (_waiting.Count > 0 || !HasRoom) return false;
            _calls++;
            return true;
        }
    }

    /// <summary>Completes when the call has entered.</summary>
    /// <exception cref="OperationCanceledException">The token was canceled. The call has not entered.</exception>
    public async Task EnterAsync(CancellationToken cancellationToken)
    {
        TaskCompletionSource waiter;
        lock (_lock)
        {
            if (_waiting.Count == 0 && HasRoom)
            {
                _calls++;
                return;
            }
            _waiting.Enqueue(waiter = new(TaskCreationOptions.RunContinuationsAsynchronously));
        }
        // A waiter that was canceled stays in the queue until its turn, which costs little: its call has ended.
        await using (cancellationToken.UnsafeRegister(static (s, t) => ((TaskCompletionSource)s!).TrySetCanceled(t), waiter))
            await waiter.Task;
    }

    /// <summary>Counts the bytes of a request. The call has entered.</summary>
    public void Add(int bytes)
    {
        lock (_lock) _bytes += bytes;
    }

    public void Leave(int bytes)
    {
        lock (_lock)
        {
            _calls--;
            _bytes -= bytes;
            while (HasRoom && _waiting.TryDequeue(out TaskCompletionSource? next))
                if (next.TrySetResult()) _calls++;
        }
    }

    private bool HasRoom => _calls < callsMax && _bytes < bytesMax;
}
