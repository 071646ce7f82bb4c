using System.Net.Sockets;

namespace KestrelKv.Cli.Tests.Hosting;

/// <summary>Passes on only a number of bytes of the replies: then all connections stall.</summary>
internal sealed class StalledProxy : Proxy
{
    private readonly TaskCompletionSource _stalled = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _left;

    public StalledProxy(int serverPort, long bytes) : base(serverPort)
    {
        _left = bytes;
        Start();
    }

    /// <summary>Completes when the bytes have been passed on.</summary>
    public Task Stalled => _stalled.Task;

    protected override async Task PassRepliesAsync(NetworkStream server, NetworkStream client, CancellationToken stop)
    {
        byte[] buffer = new byte[16 * 1024];
        for (int count; (count = await server.ReadAsync(buffer, stop)) > 0;)
        {
            if (Interlocked.Add(ref _left, -count) < 0)
            {
                _stalled.TrySetResult();
                return;
            }
            await client.WriteAsync(buffer.AsMemory(0, count), stop);
        }
    }
}
