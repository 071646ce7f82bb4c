using System.Net.Sockets;
using KestrelKv.Testing;
using KestrelKv.Testing.Histories;

namespace KestrelKv.Server.Tests.Histories;

/// <summary>
/// Sends calls in bursts, on one connection after another. Some connections end in the middle: the client resets them, or the server is
/// killed. Calls with a request id are then retried.
/// </summary>
internal sealed class HistoryClient(Lives lives, Random random, bool resets) : IDisposable
{
    private readonly Queue<Call> _pending = new();
    private WireClient? _wire;
    private Life? _life;
    private int _number;

    public int Losses { get; private set; }

    /// <summary>Connects to the current server, if not yet connected.</summary>
    public async Task ConnectAsync()
    {
        if (_life == lives.Now) return;
        _wire?.Dispose();
        _life = lives.Now;
        _wire = await WireClient.ConnectAsync(_life.WirePort);
    }

    /// <summary>Sends calls as a part of a history. Each call is generated when it is requested. The client must be connected.</summary>
    public async Task RunAsync(History history, IEnumerable<Call> calls, Action? onReply = null)
    {
        _number = history.NextConnection();
        using IEnumerator<Call> next = calls.GetEnumerator();
        for (List<Call> burst; (burst = Take(next)).Count > 0;)
        {
            await CallAsync(history, burst, onReply);
            for (int pause = random.Next(-3, 4); pause > 0; pause--) await Task.Yield();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _wire?.Dispose();

    private List<Call> Take(IEnumerator<Call> calls)
    {
        List<Call> burst = [];
        for (int size = random.Next(1, 5); size > 0 && calls.MoveNext(); size--) burst.Add(calls.Current);
        return burst;
    }

    private async Task CallAsync(History history, List<Call> burst, Action? onReply)
    {
        history.Begin(burst, _number);
        foreach (Call call in burst) _pending.Enqueue(call);
        while (!await TryCallAsync(history, onReply))
        {
            Losses++;
            await ReconnectAsync();
            _number = history.NextConnection();
        }
    }

    /// <summary>Sends all calls without a reply, and waits for their replies. Returns false if the connection is lost.</summary>
    private async Task<bool> TryCallAsync(History history, Action? onReply)
    {
        try
        {
            await _wire!.SendAsync(Frames.Stream(_pending.Select(call => call.RequestText)));
            while (_pending.TryPeek(out Call? call))
            {
                if (resets && random.Next(50) == 0)
                {
                    _wire.Reset();
                    return false;
                }
                if (await _wire.ReceiveAsync() is not { } reply) return false;
                history.End(call, reply);
                _pending.Dequeue();
                onReply?.Invoke();
            }
            return true;
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            // The server was killed.
            return false;
        }
    }

    /// <summary>Reconnects to the same server, or to the next one if it was killed.</summary>
    private async Task ReconnectAsync()
    {
        Life last = _life!;
        _wire!.Dispose();
        if (!resets) _life = await lives.WaitForAsync(last.Number + 1);
        _wire = await WireClient.ConnectAsync(_life!.WirePort);
        Call[] lost = [.. _pending];
        _pending.Clear();
        foreach (Call call in lost)
        {
            if (call.RequestId is not null && call.Writes)
            {
                // The call may be executed on either connection, so it is not part of the order of either.
                call.Connection = null;
                _pending.Enqueue(call);
            }
            else if (!resets)
            {
                call.Returned = _life.LastOver;
            }
        }
    }
}
