using System.Diagnostics;
using System.Text;
using System.Text.Json;
using KestrelKv.Client;
using KestrelKv.Client.Connections;

namespace KestrelKv.Cli.Bench;

/// <summary>
/// One connection: sends the requests of a round at once, and checks the replies. A broken connection counts its requests without a reply as errors,
/// and connects again.
/// </summary>
internal sealed class BenchConnection(Connector connector, BenchFrames frames, int inFlight)
{
    private const int SynchronousRoundsMax = 16;

    private static readonly TimeSpan ReconnectDelay = TimeSpan.FromMilliseconds(100);

    private readonly BenchRequest[] _round = new BenchRequest[inFlight];
    private readonly byte[] _requests = new byte[inFlight * frames.RequestBytesMax];
    private readonly byte[] _scratch = new byte[frames.ReplyBytesMax];
    private byte[] _replies = new byte[Math.Max(64 * 1024, frames.ReplyBytesMax * 2)];
    private int _received;
    private Stream? _stream;

    /// <exception cref="IOException">The server cannot be reached.</exception>
    /// <exception cref="RefusedException">The server refuses the client.</exception>
    public async Task ConnectAsync(CancellationToken stop)
    {
        _received = 0;
        _stream = await connector.ConnectAsync(stop);
    }

    public async Task CloseAsync()
    {
        if (_stream is not null) await _stream.DisposeAsync();
        _stream = null;
    }

    /// <summary>Executes rounds until no work is left.</summary>
    public async Task RunAsync(IBenchWork work, BenchLog log)
    {
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
            await RunRoundAsync(start, count, log);
        }
    }

    private async ValueTask RunRoundAsync(long start, int count, BenchLog log)
    {
        int answered = 0;
        try
        {
            if (_stream is null) await ConnectAsync(CancellationToken.None);
            int bytes = 0;
            for (int i = 0; i < count; i++) bytes += frames.Write(_requests.AsSpan(bytes), _round[i]);
            await _stream!.WriteAsync(_requests.AsMemory(0, bytes));
            while (answered < count)
            {
                int more = await _stream.ReadAsync(_replies.AsMemory(_received));
                if (more == 0) throw new IOException("The server closed the connection.");
                _received += more;
                answered += Take(start, Stopwatch.GetTimestamp(), _round.AsSpan(answered, count - answered), log);
            }
        }
        catch (Exception e) when (e is IOException or KestrelKvException or ObjectDisposedException)
        {
            log.AddError(e is RefusedException refused ? refused.Code : "connection_lost", count - answered);
            await CloseAsync();
            await Task.Delay(ReconnectDelay);
        }
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
