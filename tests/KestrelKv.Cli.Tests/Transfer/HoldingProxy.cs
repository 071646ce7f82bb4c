using System.Net.Sockets;
using System.Text;
using KestrelKv.Cli.Tests.Hosting;

namespace KestrelKv.Cli.Tests.Transfer;

/// <summary>Holds requests that contain certain texts, one after the other, until they are released.</summary>
internal sealed class HoldingProxy : Proxy
{
    private readonly (string Text, TaskCompletionSource Held, TaskCompletionSource Released)[] _holds;
    private int _next;

    /// <summary>Starts the proxy.</summary>
    /// <param name="serverPort">The port of the server.</param>
    /// <param name="texts">The text of the first request to hold, then that of the first one after its release, and so on.</param>
    public HoldingProxy(int serverPort, params string[] texts) : base(serverPort)
    {
        _holds = [.. texts.Select(text => (text, Source(), Source()))];
        Start();

        static TaskCompletionSource Source() => new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>Waits until a request is held.</summary>
    public Task HeldAsync(int index) => _holds[index].Held.Task.WaitAsync(Testing.Wait.Patience);

    public void Release(int index) => _holds[index].Released.TrySetResult();

    protected override async Task PassRequestsAsync(NetworkStream client, NetworkStream server, CancellationToken stop)
    {
        byte[] buffer = new byte[256 * 1024];
        for (int count; (count = await client.ReadAsync(buffer, stop)) > 0;)
        {
            int next = Volatile.Read(ref _next);
            if (next < _holds.Length && Encoding.Latin1.GetString(buffer, 0, count).Contains(_holds[next].Text, StringComparison.Ordinal))
            {
                Volatile.Write(ref _next, next + 1);
                _holds[next].Held.TrySetResult();
                await _holds[next].Released.Task.WaitAsync(stop);
            }
            await server.WriteAsync(buffer.AsMemory(0, count), stop);
        }
    }
}
