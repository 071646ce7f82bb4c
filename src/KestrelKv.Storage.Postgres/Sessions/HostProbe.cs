using Npgsql;

namespace KestrelKv.Storage.Postgres.Sessions;

/// <summary>The two connections with which a host is observed, beside the sessions of the store. Thread-safe.</summary>
/// <remarks>
/// A fence on a superseded primary waits until that server stops, and occupies one of its backends meanwhile. A host therefore has at most
/// one open fence, which all surveys and health checks share. A second connection is for checks, which do not wait for fences.
/// </remarks>
internal sealed class HostProbe(Host host, NpgsqlDataSource source, TimeSpan timeout) : IAsyncDisposable
{
    private readonly Lock _lock = new();
    private Task<HostReport>? _checking;
    private Task? _fencing;
    private Task? _nextFence;
    private Session? _checkSession;
    private Session? _fenceSession;

    /// <summary>Reads the state of the server, within the connect timeout. Never fails. Concurrent callers share a check.</summary>
    public Task<HostReport> CheckAsync()
    {
        lock (_lock) return _checking is { IsCompleted: false } ? _checking : _checking = RunCheckAsync();
    }

    /// <summary>
    /// Commits a fence that begins after this call, and completes when it is acknowledged. It may never be: the caller limits its wait.
    /// </summary>
    public Task FenceAsync()
    {
        lock (_lock)
        {
            // An older fence may have been replicated before another server became the primary.
            if (_fencing is { IsCompleted: false }) return _nextFence ??= FenceAfterAsync(_fencing);
            return _fencing = Failures.Observe(RunFenceAsync());
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_checking is not null) await _checking;
        if (_checkSession is not null) await _checkSession.DisposeAsync();
        if (Interlocked.Exchange(ref _fenceSession, null) is { } fence) await fence.DisposeAsync();
        await source.DisposeAsync();
    }

    private async Task<HostReport> RunCheckAsync()
    {
        bool isKept = _checkSession is not null;
        while (true)
        {
            try
            {
                return new(host, await ReadStateAsync(), null);
            }
            catch (Exception e) when (isKept && e is not TimeoutException && Failures.IsOfDatabase(e))
            {
                // The server closed the connection since the last check, and may have been restarted.
                isKept = false;
            }
            catch (Exception e)
            {
                // Whatever prevents a connection is the result, also an unreadable certificate. The connection of an open fence is dead
                // as well, although the system may not know it yet.
                lock (_lock) (_fencing, _nextFence) = (null, null);
                return new(host, null, e);
            }
        }
    }

    private async Task<ServerState> ReadStateAsync()
    {
        Session session = _checkSession ?? await Session.OpenAsync(source);
        _checkSession = null;
        try
        {
            ServerState state = await session.WithinAsync(session.ReadStateAsync(), timeout);
            _checkSession = session;
            return state;
        }
        catch
        {
            await session.DisposeAsync();
            throw;
        }
    }

    private async Task FenceAfterAsync(Task earlier)
    {
        await Task.Yield(); // The caller stores this task first.
        await earlier.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Task fence;
        lock (_lock)
        {
            _nextFence = null;
            fence = _fencing = Failures.Observe(RunFenceAsync());
        }
        await fence;
    }

    private async Task RunFenceAsync()
    {
        Session? kept = Interlocked.Exchange(ref _fenceSession, null);
        try
        {
            await RunFenceAsync(kept ?? await Session.OpenAsync(source));
        }
        catch (Exception e) when (kept is not null && Failures.IsOfDatabase(e))
        {
            // The server closed the connection since the last fence.
            await RunFenceAsync(await Session.OpenAsync(source));
        }
    }

    private async Task RunFenceAsync(Session session)
    {
        try
        {
            session.ResetWarning();
            await session.FenceAsync();
            session.ThrowIfWarned();
        }
        catch
        {
            await session.DisposeAsync();
            throw;
        }
        if (Interlocked.CompareExchange(ref _fenceSession, session, null) is not null) await session.DisposeAsync();
    }
}
