using Microsoft.Extensions.Logging;

namespace KestrelKv.Storage.Postgres.Sessions;

/// <summary>Looks for the primary in the background, and at the settings on which the durability of commits depends.</summary>
/// <remarks>
/// Trips to a suspended machine do not fail, they hang. The monitor finds the new primary, and the trips to the former one end at once
/// instead of after their timeout.
/// </remarks>
internal sealed class PrimaryMonitor : IAsyncDisposable
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(2);

    private readonly PrimaryFinder _finder;
    private readonly bool _expectsStandby;
    private readonly ILogger _logger;
    private readonly PeriodicTimer _timer = new(Period);
    private Task _running = Task.CompletedTask;
    private volatile string? _unsafeSetting;
    private bool _isLost;

    public PrimaryMonitor(PrimaryFinder finder, PostgresStoreOptions options, ILogger logger) =>
        (_finder, _expectsStandby, _logger) = (finder, options.SynchronousStandby, logger);

    /// <summary>A sentence about a setting of the primary with which acknowledged writes can be lost; null if there is none.</summary>
    public string? UnsafeSetting => _unsafeSetting;

    /// <summary>Is invoked after each survey. The task never fails.</summary>
    public Func<Task> Surveyed { get; init; } = () => Task.CompletedTask;

    /// <summary>Begins to look.</summary>
    public void Start() => _running = Task.Run(RunAsync);

    public async ValueTask DisposeAsync()
    {
        _timer.Dispose();
        await _running;
    }

    private async Task RunAsync()
    {
        while (await _timer.WaitForNextTickAsync())
        {
            try
            {
                Primary primary = await _finder.SurveyAsync();
                _isLost = false;
                Check(primary);
            }
            catch (NoPrimaryException e)
            {
                if (!_isLost) Log.NoPrimary(_logger, e.Message);
                _isLost = true;
            }
            _ = Surveyed();
        }
    }

    private void Check(Primary primary)
    {
        string? found = primary.State.UnsafeSetting(_expectsStandby);
        if (found == _unsafeSetting) return;
        if (found is null) Log.SafeSettings(_logger, primary.Host.Name);
        else Log.UnsafeSetting(_logger, primary.Host.Name, found);
        _unsafeSetting = found;
    }
}
