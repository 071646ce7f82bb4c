using System.Net.Sockets;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Histories;

/// <summary>
/// One connection after the other, on which calls go out in bursts, and at times are cut off in the middle: by the client, or
/// because the server is killed. What has a request id is then sent again.
/// </summary>
/// <param name="lives">Where the server is.</param>
/// <param name="random">Its own.</param>
/// <param name="cuts">Whether it cuts connections off itself.</param>
internal sealed class HistoryClient(Lives lives, Random random, bool cuts) : IDisposable
{
    private readonly Queue<Call> _pending = new();
    private WireClient? _wire;
    private Life? _life;
    private int _number;

    /// <summary>So many connections were lost.</summary>
    public int Losses { get; private set; }

    /// <summary>Connects to the server that serves now, if it is not.</summary>
    public async Task ConnectAsync()
    {
        if (_life == lives.Now) return;
        _wire?.Dispose();
        _life = lives.Now;
        _wire = await WireClient.ConnectAsync(_life.WirePort);
    }

    /// <summary>Has its part in a history, when it is connected.</summary>
    /// <param name="history">The history.</param>
    /// <param name="calls">Its calls, which are taken when their turn comes.</param>
    /// <param name="onReply">Is called after each reply.</param>
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

    /// <summary>Sends all that has no reply, and waits for the replies. False where the connection is lost.</summary>
    private async Task<bool> TryCallAsync(History history, Action? onReply)
    {
        try
        {
            await _wire!.SendAsync(Frames.Stream(_pending.Select(call => call.RequestText)));
            while (_pending.TryPeek(out Call? call))
            {
                if (cuts && random.Next(50) == 0)
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
            // The server is gone.
            return false;
        }
    }

    /// <summary>Goes on with the same server, if it goes on, or with the next one.</summary>
    private async Task ReconnectAsync()
    {
        Life last = _life!;
        _wire!.Dispose();
        if (!cuts) _life = await lives.WaitForAsync(last.Number + 1);
        _wire = await WireClient.ConnectAsync(_life!.WirePort);
        Call[] lost = [.. _pending];
        _pending.Clear();
        foreach (Call call in lost)
        {
            if (call.RequestId is not null && call.Writes)
            {
                // It may be executed on one connection or on the other, so it is in the order of neither.
                call.Connection = null;
                _pending.Enqueue(call);
            }
            else if (!cuts)
            {
                call.Returned = _life.LastOver;
            }
        }
    }
}
