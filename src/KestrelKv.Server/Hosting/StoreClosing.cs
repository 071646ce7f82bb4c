using KestrelKv.Storage.Durability;

namespace KestrelKv.Server.Hosting;

/// <summary>
/// Closes the data directory at a clean stop: once both doors have answered what they had received, with what is left of
/// <see cref="Settings.ServerSettings.StopTimeout"/> for a last snapshot.
/// </summary>
internal sealed class StoreClosing(DataDirectory directory) : IHostedLifecycleService
{
    // The host calls this once every service has stopped, Kestrel's among them, with the token that ends the stop.
    public Task StoppedAsync(CancellationToken cancellationToken) => directory.CloseAsync(cancellationToken);

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
