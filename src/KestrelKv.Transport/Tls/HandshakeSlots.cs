namespace KestrelKv.Transport.Tls;

/// <summary>Limits the number of TLS handshakes that compute at the same time. Thread-safe.</summary>
/// <param name="count">The number of handshakes that compute.</param>
/// <param name="waitingMax">The maximum number of handshakes that wait for a slot.</param>
public sealed class HandshakeSlots(int count, int waitingMax) : IDisposable
{
    private readonly SemaphoreSlim _free = new(count);
    private int _waiting;

    /// <summary>Waits for a slot, and continues on the thread pool.</summary>
    /// <exception cref="HandshakesFullException">Too many handshakes wait.</exception>
    internal async Task TakeAsync(CancellationToken cancellationToken)
    {
        if (Interlocked.Increment(ref _waiting) > waitingMax + count)
        {
            Interlocked.Decrement(ref _waiting);
            throw new HandshakesFullException();
        }
        try
        {
            await _free.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
    }

    internal void Release() => _free.Release();

    /// <inheritdoc/>
    public void Dispose() => _free.Dispose();
}

/// <summary>Too many TLS handshakes wait for the processor.</summary>
public sealed class HandshakesFullException() : IOException("too many TLS handshakes wait");
