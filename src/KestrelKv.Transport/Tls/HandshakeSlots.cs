namespace KestrelKv.Transport.Tls;

/// <summary>Limits the number of TLS handshakes that compute at the same time. Thread-safe.</summary>
/// <param name="count">The number of handshakes that compute.</param>
public sealed class HandshakeSlots(int count) : IDisposable
{
    private readonly SemaphoreSlim _free = new(count);

    /// <summary>Waits for a slot, and continues on the thread pool.</summary>
    internal async Task TakeAsync(CancellationToken cancellationToken) =>
        await _free.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.ForceYielding);

    internal void Release() => _free.Release();

    /// <inheritdoc/>
    public void Dispose() => _free.Dispose();
}
