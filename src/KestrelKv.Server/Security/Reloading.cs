using System.Runtime.InteropServices;

namespace KestrelKv.Server.Security;

/// <summary>Is loaded from files, and again when they change.</summary>
internal interface IReloadable
{
    /// <summary>
    /// Loads the files if they have changed, or in any case. If they are not valid, logs the reason and keeps what was loaded before.
    /// </summary>
    void Reload(bool always);
}

/// <summary>Checks once a second whether files of the configuration have changed, and loads all of them on SIGHUP.</summary>
/// <remarks>
/// Polls, because notifications of the file system do not follow links. Signals that arrive during a check cause one further check.
/// </remarks>
internal sealed partial class Reloading(IEnumerable<IReloadable> files, ILogger<Reloading> logger) : BackgroundService
{
    private static readonly TimeSpan CheckPeriod = TimeSpan.FromSeconds(1);

    /// <summary>The pause after each check. Many signals would otherwise occupy a processor.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        IReloadable[] all = [.. files];
        if (all.Length == 0) return;
        using var signals = new SemaphoreSlim(0);
        using PosixSignalRegistration hangup = PosixSignalRegistration.Create(PosixSignal.SIGHUP, _ => signals.Release());
        for (bool isSignaled = false; ; isSignaled = await signals.WaitAsync(CheckPeriod, stoppingToken))
        {
            while (await signals.WaitAsync(0, stoppingToken)) isSignaled = true;
            foreach (IReloadable reloadable in all)
            {
                try
                {
                    reloadable.Reload(always: isSignaled);
                }
                catch (Exception e)
                {
                    // An unexpected failure must not end the server, which continues with what was loaded before.
                    Failed(logger, e);
                }
            }
            await Task.Delay(Pause, stoppingToken);
        }
    }

    [LoggerMessage(311, LogLevel.Error, "The users file or a certificate was not reloaded; the previous one remains")]
    private static partial void Failed(ILogger logger, Exception exception);
}
