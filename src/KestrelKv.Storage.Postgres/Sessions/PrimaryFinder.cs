using Microsoft.Extensions.Logging;

namespace KestrelKv.Storage.Postgres.Sessions;

/// <summary>Knows the primary, and looks for it after failures. Thread-safe.</summary>
/// <param name="hosts">The hosts. The finder owns them.</param>
/// <param name="timeout">The maximum time of a check, and of a fence.</param>
/// <param name="logger">The logger.</param>
internal sealed class PrimaryFinder(IReadOnlyList<Host> hosts, TimeSpan timeout, ILogger logger) : IAsyncDisposable
{
    private readonly Lock _lock = new();
    private Primary? _current;
    private Task<Primary>? _survey;
    private long _failovers;

    /// <summary>Is invoked, without locks, after sessions to a former primary were ended.</summary>
    public Action Changed { get; set; } = () => { };

    /// <summary>The number of times that another host became the primary.</summary>
    public long Failovers => Interlocked.Read(ref _failovers);

    /// <summary>The primary that new sessions use without a survey; null if there is none.</summary>
    public Primary? Current
    {
        get
        {
            lock (_lock) return _current is { IsLost: false, IsSuspected: false } ? _current : null;
        }
    }

    /// <summary>Returns the primary. Looks for it if it is not known, or suspected.</summary>
    /// <exception cref="NoPrimaryException">No host is the primary.</exception>
    /// <exception cref="TimeoutException">The survey takes longer than the timeout.</exception>
    public async ValueTask<Primary> GetAsync(TimeSpan timeout) => Current ?? await SurveyAsync().WaitAsync(timeout);

    /// <summary>Looks for the primary. All concurrent callers share a survey.</summary>
    public Task<Primary> SurveyAsync()
    {
        lock (_lock)
        {
            if (_survey is { IsCompleted: false }) return _survey;
            _survey = Task.Run(RunAsync);
            Failures.Observe(_survey);
            return _survey;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_survey is not null) await ((Task)_survey).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        foreach (Host host in hosts) await host.DisposeAsync();
    }

    private async Task<Primary> RunAsync()
    {
        Primary? former;
        lock (_lock) former = _current;
        try
        {
            HostReport found = await Survey.RunAsync(hosts, former?.Host, timeout);
            return Adopt(found.Host, found.State!, former);
        }
        catch (NoPrimaryException e)
        {
            // A demoted server answers, so its sessions do not fail by themselves.
            bool isDemoted = e.Hosts.Any(report => report.Host == former?.Host && report.State is { IsPrimary: false });
            if (isDemoted) End(former!);
            throw;
        }
    }

    private Primary Adopt(Host host, ServerState state, Primary? former)
    {
        bool isSame = former?.Host == host;
        if (isSame && !former!.IsLost && former.State.StartedAt == state.StartedAt)
        {
            former.Confirm(state);
            return former;
        }
        if (former is not null) End(former);
        var primary = new Primary(host, state);
        lock (_lock) _current = primary;
        if (former is null || isSame) return primary;
        Interlocked.Increment(ref _failovers);
        Log.PrimaryChanged(logger, host.Name, former.Host.Name);
        return primary;
    }

    private void End(Primary former)
    {
        former.Lose();
        Changed();
    }
}
