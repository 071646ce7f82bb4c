using System.Text.Json;
using System.Text.Json.Serialization;
using KestrelKv.Client;
using Microsoft.Extensions.Configuration;

namespace KestrelKv.Extensions.Configuration;

/// <summary>Provides the settings that are stored under a prefix in a KestrelKv server, and follows their changes.</summary>
/// <remarks>
/// <para>
/// <b>Settings.</b> With the prefix <c>config/</c>, the entry <c>config/Mail/Port</c> with the value <c>25</c> is the setting
/// <c>Mail:Port</c>, and so is the entry <c>config/Mail</c> with the value <c>{"Port": 25}</c>. Objects and arrays are flattened as those
/// in <c>appsettings.json</c>. End the prefix with <c>/</c>: it is compared as text.
/// </para>
/// <para>
/// <b>Changes.</b> The change token is raised once for each commit, or group of commits, that changes a setting, after all its changes are
/// in place. Settings that were written in one batch therefore change together. During a disconnection, the last values remain.
/// </para>
/// <para>
/// <b>Start.</b> <see cref="Load"/> is synchronous, as the interface demands. It blocks the calling thread, and no other, for at most <see
/// cref="KestrelKvConfigurationOptions.LoadTimeout"/>. The calls run on the thread pool without the caller's synchronization context, so it
/// cannot deadlock.
/// </para>
/// </remarks>
public sealed class KestrelKvConfigurationProvider : ConfigurationProvider, IDisposable
{
    private static readonly TimeSpan PauseAfterFailure = TimeSpan.FromSeconds(5);

    private readonly KestrelKvConfigurationOptions _options;
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _loaded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task? _following;

    // Why the client had no connection; null if it had one.
    private NotSentException? _disconnection;

    internal KestrelKvConfigurationProvider(KestrelKvConfigurationOptions options) => _options = options;

    /// <summary>Waits for the settings. A further call has no effect, because the settings are already followed.</summary>
    /// <exception cref="InvalidOperationException">The settings could not be read in time, and are not optional.</exception>
    public override void Load()
    {
        if (_following is not null) return;
        KestrelKvClient client = _options.Client ?? new(_options.ClientOptions);
        _following = Task.Run(() => FollowAsync(client));
        if (!HasEndedWithin(_options.LoadTimeout))
        {
            _loaded.TrySetException(Volatile.Read(ref _disconnection) ?? (Exception)new TimeoutException(
                $"The server did not send them within {_options.LoadTimeout} ({nameof(_options.LoadTimeout)})."));
        }
        Exception? failure = _loaded.Task.Exception?.InnerException;
        if (failure is null) return;
        if (_options.Optional)
        {
            _options.OnError?.Invoke(failure);
            return;
        }
        Dispose();
        throw new InvalidOperationException(
            $"The settings with the prefix \"{_options.Prefix}\" could not be read from KestrelKv: {failure.Message}", failure);
    }

    /// <summary>Stops following changes. The settings remain.</summary>
    public void Dispose()
    {
        // Not disposed of: the task that follows changes uses it until it ends.
        if (!_stop.IsCancellationRequested) _stop.Cancel();
    }

    private async Task FollowAsync(KestrelKvClient client)
    {
        try
        {
            await TryAsync(() => CheckConnectionAsync(client)).ConfigureAwait(false);
            while (!_stop.IsCancellationRequested && !await TryAsync(() => ReadAsync(client)).ConfigureAwait(false))
                await Task.Delay(PauseAfterFailure, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        finally
        {
            if (_options.Client is null) await client.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Finds out why there is no connection: a watch waits for one without an error.</summary>
    private async Task CheckConnectionAsync(KestrelKvClient client)
    {
        try
        {
            await client.PingAsync(new() { Timeout = _options.LoadTimeout / 2 }, _stop.Token).ConfigureAwait(false);
        }
        catch (NotSentException e)
        {
            // The settings may still arrive in time.
            Volatile.Write(ref _disconnection, e);
        }
    }

    private bool HasEndedWithin(TimeSpan timeout)
    {
        try
        {
            return _loaded.Task.Wait(timeout);
        }
        catch (AggregateException)
        {
            return true;
        }
    }

    /// <summary>Reads the settings, and follows changes until the provider is disposed of.</summary>
    private async Task ReadAsync(KestrelKvClient client)
    {
        // While a new snapshot is read, the previous settings remain.
        Dictionary<string, JsonElement> entries = [];
        bool isComplete = false, isChanged = false;
        var options = new WatchOptions { ReportProgress = true };
        await foreach (WatchEvent<JsonElement> change in client.SnapshotThenWatchAsync(
            _options.Prefix, ConfigurationJson.Default.JsonElement, options, _stop.Token).ConfigureAwait(false))
        {
            switch (change.Kind)
            {
                case WatchEventKind.Reset:
                    (entries, isComplete) = ([], false);
                    break;
                case WatchEventKind.Put:
                    entries[change.Key] = change.Value;
                    isChanged = true;
                    break;
                case WatchEventKind.SetExpiry:
                    break;
                case WatchEventKind.CaughtUp:
                    (isComplete, isChanged) = (true, false);
                    Publish(entries);
                    if (!_options.ReloadOnChange) return;
                    break;
                case WatchEventKind.Progress when isComplete && isChanged:
                    isChanged = false;
                    Publish(entries);
                    break;
                case WatchEventKind.Progress:
                    break;
                default:
                    entries.Remove(change.Key);
                    isChanged = true;
                    break;
            }
        }
    }

    private void Publish(Dictionary<string, JsonElement> entries)
    {
        Dictionary<string, string?> settings = SettingsText.Flatten(_options.Prefix, entries);
        bool isFirst = !_loaded.Task.IsCompleted;
        if (!isFirst && IsEqual(settings, Data)) return;
        Data = settings;
        if (!_loaded.TrySetResult()) OnReload();
    }

    /// <summary>Runs a step. Reports its error, first to <see cref="Load"/>.</summary>
    /// <returns>Whether it succeeded.</returns>
    private async Task<bool> TryAsync(Func<Task> step)
    {
        try
        {
            await step().ConfigureAwait(false);
            return true;
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            return true;
        }
        catch (Exception e)
        {
            // Whatever the error is, the last settings remain.
            if (!_loaded.TrySetException(e)) _options.OnError?.Invoke(e);

            // Observed, even if Load no longer waits.
            _ = _loaded.Task.Exception;
            return false;
        }
    }

    private static bool IsEqual(Dictionary<string, string?> settings, IDictionary<string, string?> others) =>
        settings.Count == others.Count && settings.All(setting => others.TryGetValue(setting.Key, out string? value) && value == setting.Value);
}

[JsonSerializable(typeof(JsonElement))]
internal sealed partial class ConfigurationJson : JsonSerializerContext;
