using System.Globalization;
using KestrelKv.Client;
using KestrelKv.Extensions.Locks;

namespace KestrelKv.Extensions.Tests.Worker;

/// <summary>Executes the commands of a test, and reports on the standard output.</summary>
internal sealed class LockWorker(KestrelKvClient client, TimeSpan expiry) : IAsyncDisposable
{
    private readonly KestrelKvLockProvider _locks = new(client, new() { Expiry = expiry });
    private readonly CancellationTokenSource _stop = new();
    private KestrelKvLockHandle? _handle;
    private Task _leading = Task.CompletedTask;

    public async Task ExecuteAsync(string[] command)
    {
        switch (command)
        {
            case ["lock", var name]:
                _handle = await _locks.CreateLock(name).AcquireAsync();
                _handle.LostToken.Register(() => Report("lost"));
                Report($"locked {_handle.FencingToken}");
                break;
            case ["held"]:
                Report($"held {_handle!.IsHeld}");
                break;
            case ["write", var resource]:
                Report(await new FencedResource(client, resource).TryWriteAsync(_handle!.FencingToken) ? "written" : "refused");
                break;
            case ["release"]:
                Report($"released {await _handle!.ReleaseAsync()}");
                break;
            case ["count", var name, var times]:
                await CountAsync(name, int.Parse(times, CultureInfo.InvariantCulture));
                break;
            case ["lead", var name]:
                _leading = LeadAsync(name);
                break;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _leading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_handle is not null) await _handle.DisposeAsync();
        _stop.Dispose();
    }

    /// <summary>Adds to a counter several times, each time under the lock, by a read and a write without a precondition.</summary>
    private async Task CountAsync(string name, int times)
    {
        KestrelKvLock counterLock = _locks.CreateLock(name);
        for (int i = 0; i < times; i++)
        {
            await using KestrelKvLockHandle handle = await counterLock.AcquireAsync();
            Entry<int> count = await client.GetAsync<int>(name);
            await client.PutAsync(name, count.Value + 1);
            Report($"token {handle.FencingToken}");
        }
        Report("counted");
    }

    /// <summary>Writes to a resource as long as this process is the leader.</summary>
    private Task LeadAsync(string name) => new LeaderElection(_locks).RunAsync(name, async (leadership, stop) =>
    {
        Report($"leading {leadership.FencingToken}");
        try
        {
            var resource = new FencedResource(client, name);
            while (true)
            {
                if (!await resource.TryWriteAsync(leadership.FencingToken)) Report("refused");
                await Task.Delay(TimeSpan.FromMilliseconds(20), stop);
            }
        }
        finally
        {
            Report("following");
        }
    }, _stop.Token);

    private static void Report(string text)
    {
        lock (Console.Out)
        {
            Console.Out.WriteLine(text);
            Console.Out.Flush();
        }
    }
}
