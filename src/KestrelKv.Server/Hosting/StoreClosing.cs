using KestrelKv.Storage.Durability;

namespace KestrelKv.Server.Hosting;

/// <summary>
/// Closes the data directory at a clean stop, after both ports have replied to all received requests. The last snapshot may take the
/// remaining time of <see cref="Settings.ServerSettings.StopTimeout"/>.
/// </summary>
internal sealed class StoreClosing(DataDirectory directory) : IHostedLifecycleService
{
    // The host calls this after every service has stopped, including Kestrel, with the token that ends the stop.
    public Task StoppedAsync(CancellationToken cancellationToken) => directory.CloseAsync(cancellationToken);

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
