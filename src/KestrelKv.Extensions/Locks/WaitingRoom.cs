using System.Runtime.InteropServices;

namespace KestrelKv.Extensions.Locks;

/// <summary>
/// Lets one caller of this process at a time wait for a lock at the server. The others wait here, in their order, and cost no watch.
/// Thread-safe.
/// </summary>
internal sealed class WaitingRoom
{
    private readonly Lock _gate = new();

    // The waiters of each key: their number, and the semaphore of the one that waits at the server.
    private readonly Dictionary<string, (int Count, SemaphoreSlim Turn)> _waiting = new(StringComparer.Ordinal);

    /// <summary>Waits for the caller's turn, which ends when the returned object is disposed.</summary>
    public async Task<IDisposable> EnterAsync(string key, CancellationToken cancellationToken)
    {
        SemaphoreSlim turn;
        lock (_gate)
        {
            ref (int Count, SemaphoreSlim Turn) waiting = ref CollectionsMarshal.GetValueRefOrAddDefault(_waiting, key, out bool exists);
            if (!exists) waiting.Turn = new(1, 1);
            waiting.Count++;
            turn = waiting.Turn;
        }
        try
        {
            await turn.WaitAsync(cancellationToken).ConfigureAwait(false);
            return new Turn(this, key, turn);
        }
        catch
        {
            Leave(key);
            throw;
        }
    }

    private void Leave(string key)
    {
        lock (_gate)
        {
            ref (int Count, SemaphoreSlim Turn) waiting = ref CollectionsMarshal.GetValueRefOrNullRef(_waiting, key);
            if (--waiting.Count == 0) _waiting.Remove(key);
        }
    }

    private sealed class Turn(WaitingRoom room, string key, SemaphoreSlim semaphore) : IDisposable
    {
        public void Dispose()
        {
            semaphore.Release();
            room.Leave(key);
        }
    }
}
