using System.Diagnostics.CodeAnalysis;

namespace KestrelKv.Storage.Postgres.Sessions;

/// <summary>A host during the time for which it is the primary, until it is replaced, demoted or restarted. Thread-safe.</summary>
[SuppressMessage("Design", "CA1001", Justification = "The token source has no timer and no wait handle.")]
internal sealed class Primary(Host host, ServerState state)
{
    private readonly CancellationTokenSource _lost = new();
    private ServerState _state = state;
    private int _suspicions;
    private volatile bool _isSuspected;

    public Host Host => host;

    /// <summary>The state of the server at the last survey.</summary>
    public ServerState State => Volatile.Read(ref _state);

    /// <summary>Is canceled when the host is no longer the primary.</summary>
    public CancellationToken Lost => _lost.Token;

    public bool IsLost => _lost.IsCancellationRequested;

    /// <summary>Whether a trip failed so that the next session needs a survey.</summary>
    public bool IsSuspected => _isSuspected;

    /// <summary>The number of suspicions. A session from before the last one is not used for another trip.</summary>
    public int Suspicions => Volatile.Read(ref _suspicions);

    public void Suspect()
    {
        Interlocked.Increment(ref _suspicions);
        _isSuspected = true;
    }

    /// <summary>Records that a survey found the host to be the primary still.</summary>
    public void Confirm(ServerState state)
    {
        Volatile.Write(ref _state, state);
        _isSuspected = false;
    }

    /// <summary>Ends all waits for trips. Their connections close when the server ends the trips.</summary>
    public void Lose() => _ = _lost.CancelAsync(); // IsLost is true at once. The waits end on the thread pool.

    /// <summary>Waits for work on this server. Its failure may require a survey.</summary>
    /// <exception cref="TimeoutException">The work did not end in time.</exception>
    /// <exception cref="IOException">The server is no longer the primary. The outcome of the work is unknown.</exception>
    public async Task<T> WithinAsync<T>(Task<T> work, TimeSpan timeout)
    {
        try
        {
            T result = await work.WaitAsync(timeout < TimeSpan.Zero ? TimeSpan.Zero : timeout, Lost);
            return IsLost ? throw new OperationCanceledException() : result;
        }
        catch (OperationCanceledException e) when (IsLost)
        {
            throw new IOException($"{host.Name} is no longer the primary", e);
        }
        catch (Exception e) when (Failures.SuspectsPrimary(e))
        {
            Suspect();
            throw;
        }
    }
}
