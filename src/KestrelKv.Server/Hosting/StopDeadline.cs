using KestrelKv.Server.Settings;
using KestrelKv.Server.Telemetry;

namespace KestrelKv.Server.Hosting;

/// <summary>
/// Ends the process if a stop takes longer than <see cref="ServerSettings.StopTimeout"/>: a disk that hangs or a request
/// that can't be cancelled must not hold it. What was acknowledged as durable is on disk.
/// </summary>
internal static partial class StopDeadline
{
    /// <summary>For closing the store, after the doors and the last snapshot have had their time.</summary>
    private static readonly TimeSpan ClosingTime = TimeSpan.FromSeconds(5);

    public static void EndWhenStopIsLate(this WebApplication app, ServerSettings settings)
    {
        ConsoleLog log = app.Services.GetRequiredService<ConsoleLog>();
        app.Lifetime.ApplicationStopping.Register(() => new Thread(End) { Name = "stop deadline", IsBackground = true }.Start());

        // A thread of its own, as those of the pool may be what hangs.
        void End()
        {
            Thread.Sleep(settings.StopTimeout + ClosingTime);
            Late(app.Logger, settings.StopTimeout);
            log.Dispose();
            Environment.Exit(0);
        }
    }

    [LoggerMessage(104, LogLevel.Warning, "The stop is not finished {StopTimeout} and 5 seconds after its start: the process ends without closing the store")]
    private static partial void Late(ILogger logger, TimeSpan stopTimeout);
}
