using KestrelKv.Server.Settings;
using KestrelKv.Server.Telemetry;

namespace KestrelKv.Server.Hosting;

/// <summary>
/// Ends the process if a stop takes 5 seconds longer than <see cref="ServerSettings.StopTimeout"/>, for example because the disk hangs
/// or a request cannot be canceled. Every write acknowledged as durable is on disk.
/// </summary>
internal static partial class StopDeadline
{
    /// <summary>The additional time for closing the store after <see cref="ServerSettings.StopTimeout"/>.</summary>
    private static readonly TimeSpan ClosingTime = TimeSpan.FromSeconds(5);

    public static void EndWhenStopIsLate(this WebApplication app, ServerSettings settings)
    {
        ConsoleLog log = app.Services.GetRequiredService<ConsoleLog>();
        app.Lifetime.ApplicationStopping.Register(() => new Thread(End) { Name = "stop deadline", IsBackground = true }.Start());

        // A separate thread, because the thread pool may hang.
        void End()
        {
            Thread.Sleep(settings.StopTimeout + ClosingTime);
            Late(app.Logger, settings.StopTimeout);
            log.Dispose();
            Environment.Exit(0);
        }
    }

    [LoggerMessage(104, LogLevel.Warning,
        "The stop has exceeded StopTimeout ({StopTimeout}) by 5 seconds: the process ends without closing the store")]
    private static partial void Late(ILogger logger, TimeSpan stopTimeout);
}
