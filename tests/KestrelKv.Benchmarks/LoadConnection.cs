using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace KestrelKv.Benchmarks;

/// <summary>
/// One closed-loop client: sends as many requests as may be in flight, waits for all their replies, checks each, and
/// again. The time from the send to a round's last reply is the latency of each of its requests.
/// </summary>
internal sealed class LoadConnection : IDisposable
{
    private const int HeaderBytes = 8;

    private static readonly byte[] Ok = "{\"status\": \"OK\", \"response\": {\"func\": \""u8.ToArray();

    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly LoadOptions _options;
    private readonly Random _random;
    private readonly byte[] _value;
    private readonly byte[] _requests;
    private readonly byte[] _replies;
    private bool _put;

    public LoadConnection(LoadOptions options, int seed)
    {
        _options = options;
        _random = new Random(seed);
        _value = Encoding.ASCII.GetBytes($"\"{new string('v', options.ValueBytes - 2)}\"");
        _requests = new byte[options.InFlight * (128 + options.ValueBytes)];
        _replies = new byte[(128 + options.ValueBytes) * Math.Min(options.InFlight, 100) + 65_536];
        _socket.Connect(new IPEndPoint(IPAddress.Loopback, options.Port));
    }

    public void Dispose() => _socket.Dispose();

    /// <summary>Puts every <paramref name="step"/>-th key, from <paramref name="first"/> on, so that GETs find something.</summary>
    public async Task FillAsync(int first, int step)
    {
        for (int key = first; key < _options.Keys;)
        {
            int bytes = 0, count = 0;
            for (; count < _options.InFlight && key < _options.Keys; key += step, count++) bytes += WriteRequest(bytes, key, put: true);
            await RoundAsync(bytes, count);
        }
    }

    /// <summary>Rounds until <paramref name="until"/>, a timestamp; each one's time goes to <paramref name="latencies"/> if it is given.</summary>
    public async Task<long> RunAsync(long until, List<long>? latencies)
    {
        long requests = 0;
        for (long start = Stopwatch.GetTimestamp(); start < until;)
        {
            int bytes = 0;
            for (int i = 0; i < _options.InFlight; i++)
                bytes += WriteRequest(bytes, _random.Next(_options.Keys), _random.Next(100) < _options.PutPercent);
            await RoundAsync(bytes, _options.InFlight);

            long end = Stopwatch.GetTimestamp();
            latencies?.Add(end - start);
            requests += _options.InFlight;
            start = end;
        }
        return requests;
    }

    private int WriteRequest(int at, int key, bool put)
    {
        _put = put;
        Span<byte> frame = _requests.AsSpan(at);
        int n = HeaderBytes;
        Append("{\"func\": \""u8, frame, ref n);
        Append(put ? "PUT"u8 : "GET"u8, frame, ref n);
        Append("\", \"params\": {\"obj\": \"key:"u8, frame, ref n);
        key.TryFormat(frame[n..], out int digits, "D12", System.Globalization.CultureInfo.InvariantCulture);
        n += digits;
        Append("\""u8, frame, ref n);
        if (put)
        {
            Append(", \"val\": "u8, frame, ref n);
            Append(_value, frame, ref n);
        }
        Append("}}"u8, frame, ref n);
        BinaryPrimitives.WriteInt32LittleEndian(frame, 1);
        BinaryPrimitives.WriteInt32LittleEndian(frame[4..], n - HeaderBytes);
        return n;
    }

    private static void Append(ReadOnlySpan<byte> text, Span<byte> frame, ref int n)
    {
        text.CopyTo(frame[n..]);
        n += text.Length;
    }

    private async ValueTask RoundAsync(int bytes, int count)
    {
        for (int sent = 0; sent < bytes;) sent += await _socket.SendAsync(_requests.AsMemory(sent, bytes - sent));

        int have = 0;
        while (count > 0)
        {
            int received = await _socket.ReceiveAsync(_replies.AsMemory(have));
            if (received == 0) throw new InvalidDataException("the server closed the connection");
            have += received;
            int used = Check(_replies.AsSpan(0, have), ref count);
            _replies.AsSpan(used, have - used).CopyTo(_replies);
            have -= used;
        }
    }

    /// <summary>Takes whole replies off the front.</summary>
    /// <returns>How many bytes of them there were.</returns>
    private int Check(ReadOnlySpan<byte> replies, ref int count)
    {
        int used = 0;
        while (replies.Length - used >= HeaderBytes)
        {
            int length = BinaryPrimitives.ReadInt32LittleEndian(replies[(used + 4)..]);
            if (replies.Length - used - HeaderBytes < length) break;
            ReadOnlySpan<byte> body = replies.Slice(used + HeaderBytes, length);
            if (!body.StartsWith(Ok) || (count == 1 && body[Ok.Length] != (_put ? 'P' : 'G')) || body.EndsWith("null}}}"u8))
                throw new InvalidDataException($"not the reply expected: {Encoding.UTF8.GetString(body)}");
            used += HeaderBytes + length;
            count--;
        }
        return used;
    }
}
