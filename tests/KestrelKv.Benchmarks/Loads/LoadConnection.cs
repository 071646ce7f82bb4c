using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace KestrelKv.Benchmarks.Loads;

/// <summary>
/// One client: sends as many requests as may be in flight, waits for all their replies, and checks each. The time of such
/// a round, from the send to its last reply, is the latency of each of its requests.
/// </summary>
internal sealed class LoadConnection : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly LoadOptions _options;
    private readonly ILoadProtocol _protocol;
    private readonly LoadData _data;
    private readonly byte[] _keys;
    private readonly bool[] _puts;
    private readonly byte[] _value;
    private readonly byte[] _requests;
    private readonly byte[] _replies;
    private int _requestBytes;
    private int _count;

    public LoadConnection(LoadOptions options, int seed)
    {
        _options = options;
        _protocol = options.Protocol;
        _data = new LoadData(seed);
        _keys = new byte[options.InFlight * LoadData.KeyBytes];
        _puts = new bool[options.InFlight];
        _value = new byte[options.ValueBytes];
        int messageBytesMax = LoadData.KeyBytes + options.ValueBytes + options.Protocol.OverheadBytesMax;
        _requests = new byte[options.InFlight * messageBytesMax];
        _replies = new byte[Math.Min(options.InFlight, 100) * messageBytesMax + 65_536];
        _socket.Connect(new IPEndPoint(IPAddress.Loopback, options.Port));
    }

    public void Dispose() => _socket.Dispose();

    /// <summary>Puts every <paramref name="step"/>-th key, from <paramref name="first"/> on, so that GETs find something.</summary>
    public async Task FillAsync(int first, int step)
    {
        for (long key = first; key < _options.Keys;)
        {
            for (; _count < _options.InFlight && key < _options.Keys; key += step) Add((int)key, put: true);
            await RoundAsync();
        }
    }

    /// <summary>Rounds until <paramref name="until"/>, a timestamp; each one's time goes to <paramref name="latencies"/>.</summary>
    /// <returns>How many requests were answered.</returns>
    public async Task<long> RunAsync(long until, List<long> latencies)
    {
        long requests = 0;
        for (long start = Stopwatch.GetTimestamp(); start < until;)
        {
            await RandomRoundAsync();
            long end = Stopwatch.GetTimestamp();
            latencies.Add(end - start);
            requests += _options.InFlight;
            start = end;
        }
        return requests;
    }

    /// <summary>One round of requests for random keys.</summary>
    public ValueTask RandomRoundAsync()
    {
        for (int i = 0; i < _options.InFlight; i++) Add(_data.Next(_options.Keys), put: _data.Next(100) < _options.PutPercent);
        return RoundAsync();
    }

    private Span<byte> KeyOf(int index) => _keys.AsSpan(index * LoadData.KeyBytes, LoadData.KeyBytes);

    /// <summary>Adds a request to the round.</summary>
    private void Add(int number, bool put)
    {
        Span<byte> key = KeyOf(_count);
        LoadData.WriteKey(number, key);
        if (put) _data.WriteValue(_value);
        Span<byte> output = _requests.AsSpan(_requestBytes);
        _requestBytes += put ? _protocol.WritePut(output, key, _value) : _protocol.WriteGet(output, key);
        _puts[_count++] = put;
    }

    private async ValueTask RoundAsync()
    {
        for (int sent = 0; sent < _requestBytes;) sent += await _socket.SendAsync(_requests.AsMemory(sent, _requestBytes - sent));

        int have = 0;
        for (int taken = 0; taken < _count;)
        {
            int received = await _socket.ReceiveAsync(_replies.AsMemory(have));
            if (received == 0) throw new InvalidDataException("the server closed the connection");
            have += received;
            int used = Take(_replies.AsSpan(0, have), ref taken);
            _replies.AsSpan(used, have - used).CopyTo(_replies);
            have -= used;
        }
        if (have > 0) throw new InvalidDataException("the server sent more than was asked for");
        _requestBytes = _count = 0;
    }

    /// <summary>Takes whole replies off the front, the next being the one to request <paramref name="taken"/>.</summary>
    /// <returns>How many bytes of them there were.</returns>
    private int Take(ReadOnlySpan<byte> replies, ref int taken)
    {
        int used = 0;
        for (; taken < _count; taken++)
        {
            ReadOnlySpan<byte> key = KeyOf(taken), rest = replies[used..];
            int bytes = _puts[taken] ? _protocol.TakePut(rest, key) : _protocol.TakeGet(rest, key, _options.ValueBytes);
            if (bytes == 0) break;
            used += bytes;
        }
        return used;
    }
}
