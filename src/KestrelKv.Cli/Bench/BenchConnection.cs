using System.Diagnostics;
using System.Text;
using System.Text.Json;
using KestrelKv.Client;
using KestrelKv.Client.Connections;

namespace KestrelKv.Cli.Bench;

/// <summary>
/// One connection: sends the requests of a round at once, and checks the replies. A broken connection, or one without all replies in time, counts
/// its requests without a reply as errors, and connects again.
/// </summary>
/// <param name="connector">Connects.</param>
/// <param name="frames">The frames.</param>
/// <param name="inFlight">The number of requests of a round.</param>
/// <param name="timeout">The deadline of a round.</param>
internal sealed class BenchConnection(Connector connector, BenchFrames frames, int inFlight, TimeSpan timeout) : IAsyncDisposable
{
    /// <summary>The error code of requests without a reply in time.</summary>
    public const string TimeoutCode = "timeout";

    private const int SynchronousRoundsMax = 16;

    private static readonly TimeSpan ReconnectDelay = TimeSpan.FromMilliseconds(100);

    // After Ctrl-C, the replies of requests that were sent have this time to arrive. A server that works needs less.
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(1);

    private readonly BenchRequest[] _round = new BenchRequest[inFlight];
    private readonly byte[] _requests = new byte[inFlight * frames.RequestBytesMax];
    private readonly byte[] _scratch = new byte[frames.ReplyBytesMax];
    private byte[] _replies = new byte[Math.Max(64 * 1024, frames.ReplyBytesMax * 2)];
    private int _received;
    private Stream? _stream;
    private CancellationTokenSource _late = new();

    /// <exception cref="IOException">The server cannot be reached.</exception>
    /// <exception cref="RefusedException">The server refuses the client.</exception>
    public async Task ConnectAsync(CancellationToken stop)
    {
        _received = 0;
        _stream = await connector.ConnectAsync(stop);
    }

    public async ValueTask DisposeAsync()
    {
        await CloseAsync();
        _late.Dispose();
    }

    /// <summary>Executes rounds until no work is left.</summary>
    public async Task RunAsync(IBenchWork work, BenchLog log, CancellationToken stop)
    {
        await using CancellationTokenRegistration stopping = stop.Register(() => _late.CancelAfter(StopTimeout));
        for (int synchronous = 0; ; synchronous++)
        {
            ValueTask<long> waiting = work.StartAsync();
            if (await waiting is not (> 0 and var start)) return;
            int count = work.Take(_round);
            if (count == 0) return;
            if (synchronous == SynchronousRoundsMax)
            {
                await Task.Yield(); // Other connections use the same thread.
                synchronous = 0;
            }
            await RunRoundAsync(start, count, log, stop);
        }
    }

    private async ValueTask RunRoundAsync(long start, int count, BenchLog log, CancellationToken stop)
    {
        int answered = 0;
        Task? writing = null;
        SetDeadline(stop);
        try
        {
            if (_stream is null) await ConnectAsync(_late.Token);
            int bytes = 0;
            for (int i = 0; i < count; i++) bytes += frames.Write(_requests.AsSpan(bytes), _round[i]);
            ValueTask write = _stream!.WriteAsync(_requests.AsMemory(0, bytes), _late.Token);
            if (write.IsCompleted) await write;
            else writing = write.AsTask(); // The server may read on only after its replies are read.
            while (answered < count)
            {
                int more = await _stream.ReadAsync(_replies.AsMemory(_received), _late.Token);
                if (more == 0) throw new IOException("The server closed the connection.");
                _received += more;
                answered += Take(start, Stopwatch.GetTimestamp(), _round.AsSpan(answered, count - answered), log);
            }
            if (writing is not null) await writing;
        }
        catch (Exception e) when (e is IOException or KestrelKvException or ObjectDisposedException or OperationCanceledException)
        {
            log.AddError(e is RefusedException refused ? refused.Code : _late.IsCancellationRequested ? TimeoutCode : "connection_lost", count - answered);
            await CloseAsync();
            if (writing is not null) await writing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await Task.Delay(ReconnectDelay, CancellationToken.None);
        }
    }

    private void SetDeadline(CancellationToken stop)
    {
        if (!_late.TryReset()) _late = new(); // Without disposal of the last one, which a request to stop may use.
        _late.CancelAfter(timeout);
        if (stop.IsCancellationRequested) _late.CancelAfter(StopTimeout); // The request to stop may have found the previous deadline.
    }

    private async Task CloseAsync()
    {
        if (_stream is not null) await _stream.DisposeAsync();
        _stream = null;
    }

    /// <summary>Checks the replies that have arrived completely.</summary>
    /// <returns>Their number.</returns>
    private int Take(long start, long now, ReadOnlySpan<BenchRequest> due, BenchLog log)
    {
        (int at, int answered, int gets, int puts) = (0, 0, 0, 0);
        while (answered < due.Length && _received - at >= FrameHeader.Bytes)
        {
            if (!FrameHeader.TryRead(_replies.AsSpan(at), int.MaxValue - FrameHeader.Bytes, out int length, out IOException? fault)) throw fault;
            int frameBytes = FrameHeader.Bytes + length;
            if (_received - at < frameBytes)
            {
                if (frameBytes > _replies.Length) Array.Resize(ref _replies, frameBytes * 2);
                break;
            }
            ReadOnlySpan<byte> frame = _replies.AsSpan(at, frameBytes);
            BenchRequest request = due[answered++];
            if (!frames.IsExpected(frame, request, _scratch)) log.AddError(CodeOf(frame[FrameHeader.Bytes..]));
            else if (request.Function == BenchFunction.Get) gets++;
            else puts++;
            at += frameBytes;
        }
        _replies.AsSpan(at.._received).CopyTo(_replies);
        _received -= at;
        if (gets + puts > 0) log.Add(start, now, gets, puts);
        return answered;
    }

    /// <summary>
    /// Returns the error code of a reply; <c>missing</c> for a key that the server has evicted, and <c>wrong_reply</c> for anything else.
    /// </summary>
    private static string CodeOf(ReadOnlySpan<byte> body)
    {
        if (body.EndsWith("\"val\": null}}}"u8)) return "missing";
        try
        {
            using var reply = JsonDocument.Parse(Encoding.UTF8.GetString(body));
            return reply.RootElement.TryGetProperty("error", out JsonElement error) && error.TryGetProperty("code", out JsonElement code)
                ? code.GetString() ?? "wrong_reply"
                : "wrong_reply";
        }
        catch (JsonException)
        {
            return "wrong_reply";
        }
    }
}
