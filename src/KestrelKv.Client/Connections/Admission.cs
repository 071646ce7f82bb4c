namespace KestrelKv.Client.Connections;

/// <summary>Limits the calls of a lane, and the bytes of their requests. Calls beyond a limit wait in order of arrival. Thread-safe.</summary>
/// <remarks>
/// A call enters before its request is written, when its length is not known. Callers that did not wait can together exceed the limit of bytes,
/// by one request each. Those that waited enter one after the other, each once the bytes of the previous one are counted: otherwise all of them
/// would enter as soon as there is room for one.
/// </remarks>
internal sealed class Admission(int callsMax, long bytesMax)
{
    private readonly Lock _lock = new();
    private readonly LinkedList<TaskCompletionSource> _waiting = new();
    private int _calls;
    private long _bytes;

    // The calls that have entered, and neither counted their bytes nor left.
    private int _uncounted;

    /// <summary>The number of calls that have entered and not left.</summary>
    public int Calls => Volatile.Read(ref _calls);

    public bool TryEnter()
    {
        lock (_lock)
        {
            if (_waiting.Count > 0 || !HasRoom) return false;
            Enter();
            return true;
        }
    }

    /// <summary>Completes when the call has entered.</summary>
    /// <exception cref="OperationCanceledException">The token was canceled. The call has not entered.</exception>
    public async Task EnterAsync(CancellationToken cancellationToken)
    {
        LinkedListNode<TaskCompletionSource> waiter;
        lock (_lock)
        {
            if (_waiting.Count == 0 && HasRoom)
            {
                Enter();
                return;
            }
            waiter = _waiting.AddLast(new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }
        await using (cancellationToken.UnsafeRegister(_ => Cancel(waiter, cancellationToken), null).ConfigureAwait(false))
            await waiter.Value.Task.ConfigureAwait(false);
    }

    /// <summary>Counts the bytes of a request, at least 1. The call has entered.</summary>
    public void Add(int bytes)
    {
        lock (_lock)
        {
            _bytes += bytes;
            _uncounted--;
            AdmitNext();
        }
    }

    /// <summary>Ends a call.</summary>
    /// <param name="bytes">The number of bytes that were counted; 0 if none were.</param>
    public void Leave(int bytes)
    {
        lock (_lock)
        {
            _calls--;
            _bytes -= bytes;
            if (bytes == 0) _uncounted--;
            AdmitNext();
        }
    }

    private void Cancel(LinkedListNode<TaskCompletionSource> waiter, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (waiter.Value.TrySetCanceled(cancellationToken)) _waiting.Remove(waiter);
        }
    }

    private bool HasRoom => _calls < callsMax && _bytes < bytesMax;

    private void Enter()
    {
        _calls++;
        _uncounted++;
    }

    private void AdmitNext()
    {
        while (_uncounted == 0 && HasRoom && _waiting.First is { } next)
        {
            _waiting.RemoveFirst();
            next.Value.SetResult();
            Enter();
        }
    }
}
