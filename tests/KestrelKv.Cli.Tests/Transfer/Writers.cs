using System.Globalization;
using System.Text.Json;
using KestrelKv.Client;

namespace KestrelKv.Cli.Tests.Transfer;

/// <summary>Writes random changes under a prefix until it is stopped, and records the history of the changes.</summary>
public sealed class Writers : IAsyncDisposable
{
    /// <summary>The first of the expiries that no test reaches, in Unix time.</summary>
    public const long LateExpiry = 4_102_444_800;

    private readonly KestrelKvClient _client;
    private readonly string _prefix;
    private readonly int _keys;
    private readonly CancellationTokenSource _stop = new();
    private readonly List<WatchEvent<JsonElement>> _history = [];
    private readonly TaskCompletionSource _watching = new();
    private long _seen;
    private Task _writing = Task.CompletedTask;
    private Task _recording = Task.CompletedTask;
    private StoreCopy _start = null!;

    private Writers(KestrelKvClient client, string prefix, int keys) => (_client, _prefix, _keys) = (client, prefix, keys);

    /// <summary>Starts to write. The keys are the prefix and a number of six digits.</summary>
    public static async Task<Writers> StartAsync(KestrelKvClient client, string prefix, int keys, int seed)
    {
        var writers = new Writers(client, prefix, keys) { _start = await StoreCopy.ReadAsync(client, prefix) };
        writers._recording = writers.RecordAsync();
        await writers._watching.Task;
        writers._writing = Task.Run(() => writers.WriteAsync(new Random(seed)));
        return writers;
    }

    public static string KeyOf(string prefix, int number) => prefix + number.ToString("D6", CultureInfo.InvariantCulture);

    /// <summary>Stops writing.</summary>
    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _writing;
    }

    /// <summary>Returns the entries at a version, from the history.</summary>
    public async Task<StoreCopy> AtAsync(long version)
    {
        await Testing.Wait.UntilAsync(() => Volatile.Read(ref _seen) >= version, () => $"the history does not reach version {version}");
        lock (_history)
        {
            foreach (WatchEvent<JsonElement> change in _history.Where(change => change.Version <= version)) _start.Apply(change);
            _history.RemoveAll(change => change.Version <= version);
        }
        return _start;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        await _client.DisposeAsync();
        await _recording.ContinueWith(static _ => { }, TaskScheduler.Default);
    }

    private async Task RecordAsync()
    {
        await foreach (WatchEvent<JsonElement> change in _client.WatchAsync<JsonElement>(_prefix, new() { ReportProgress = true, ProgressInterval =
            TimeSpan.FromSeconds(0.1) }))
        {
            lock (_history)
                if (change.Kind != WatchEventKind.Progress) _history.Add(change);
            if (change.Kind != WatchEventKind.Progress) continue;
            Volatile.Write(ref _seen, change.Version);
            _watching.TrySetResult();
        }
    }

    private async Task WriteAsync(Random random)
    {
        for (int step = 0; !_stop.IsCancellationRequested; step++)
        {
            string key = KeyOf(_prefix, random.Next(_keys)), other = KeyOf(_prefix, random.Next(_keys));
            switch (random.Next(6))
            {
                case 0:
                    await _client.DeleteAsync(key);
                    break;
                case 1:
                    await _client.ExpireAsync(key, Expiry.At(DateTimeOffset.UnixEpoch.AddSeconds(LateExpiry + step)));
                    break;
                case 2:
                    await _client.CreateBatch().Put(key, step).Put(other, -step).CommitAsync();
                    break;
                case 3:
                    await _client.PutAsync(key, step, new() { Expiry = TimeSpan.FromMilliseconds(random.Next(1, 50)) });
                    break;
                default:
                    await _client.PutAsync(key, step);
                    break;
            }
        }
    }
}
