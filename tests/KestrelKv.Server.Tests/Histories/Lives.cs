using System.Diagnostics;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Histories;

/// <summary>One life of a server. <paramref name="LastOver"/> is a timestamp at which the previous life had certainly ended.</summary>
internal sealed record Life(int Number, int WirePort, Uri Admin, long LastOver);

/// <summary>
/// One data directory, and the servers that run on it one after another. Clients that lose their connection wait here for the next
/// server.
/// </summary>
internal sealed class Lives(IReadOnlyList<string> settings) : IAsyncDisposable
{
    private readonly DataDirectory _data = new();
    private readonly Lock _lock = new();
    private readonly List<TaskCompletionSource<Life>> _lives = [];
    private ServerProcess? _server;
    private long _lastOver;
    private int _begun;

    public ServerProcess Server => _server ?? throw new InvalidOperationException("No server is running.");

    /// <summary>The current life, or the last one.</summary>
    public Life Now { get; private set; } = null!;

    public async Task BeginAsync()
    {
        _server = await ServerProcess.StartAsync(settings, data: _data);
        Now = new(_begun, Server.WirePort, Server.Admin, _lastOver);
        Of(_begun++).SetResult(Now);
    }

    /// <summary>Starts a server, and kills it before it serves.</summary>
    public Task KillWhileStartingAsync(TimeSpan time) => ServerProcess.KillWhileStartingAsync(time, settings, _data);

    /// <summary>Ends this life with SIGKILL.</summary>
    public async Task KillAsync()
    {
        Server.Kill();
        await Server.WaitForExitAsync();
        await EndAsync();
    }

    public async Task StopAsync()
    {
        Assert.Equal(0, await Server.StopAsync());
        Server.AssertNoComplaint(afterKill: true);
        await EndAsync();
    }

    /// <summary>Returns a life; waits until it has started.</summary>
    public Task<Life> WaitForAsync(int number) => Of(number).Task.WaitAsync(Wait.Patience);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_server is not null) await _server.DisposeAsync();
        _data.Dispose();
    }

    private async Task EndAsync()
    {
        _lastOver = Stopwatch.GetTimestamp();
        await Server.DisposeAsync();
        _server = null;
    }

    private TaskCompletionSource<Life> Of(int number)
    {
        lock (_lock)
        {
            while (_lives.Count <= number) _lives.Add(new(TaskCreationOptions.RunContinuationsAsynchronously));
            return _lives[number];
        }
    }
}
