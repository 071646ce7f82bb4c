using System.Net;
using System.Net.Sockets;
using System.Text;
using KestrelKv.Benchmarks.Loads;

namespace KestrelKv.Benchmarks.Feeds;

/// <summary>A client that watches keys and counts the changes that it receives.</summary>
internal sealed class Watcher : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private byte[] _received = new byte[256 * 1024];
    private Task? _reading;
    private long _changes;

    public long Changes => Volatile.Read(ref _changes);

    /// <summary>Starts to watch all keys with a prefix. Returns after the server has confirmed the watch.</summary>
    public static async Task<Watcher> StartAsync(int port, string prefix)
    {
        var watcher = new Watcher();
        await watcher._socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port));
        byte[] body = Encoding.UTF8.GetBytes($"{{\"func\": \"WATCH\", \"params\": {{\"prefix\": \"{prefix}\"}}}}");
        await watcher._socket.SendAsync(FrameHeader.Before(body));
        int buffered = await watcher.ReceiveAsync(0);
        watcher._reading = Task.Run(() => watcher.ReadAsync(buffered));
        return watcher;
    }

    /// <summary>The error that ended the watch; null while it runs.</summary>
    public Exception? Failure => _reading?.Exception;

    public void Dispose() => _socket.Dispose();

    private async Task ReadAsync(int buffered)
    {
        while (true)
        {
            int used = TakeFrames(_received.AsSpan(0, buffered));
            _received.AsSpan(used, buffered - used).CopyTo(_received);
            buffered = await ReceiveAsync(buffered - used);
        }
    }

    private async Task<int> ReceiveAsync(int buffered)
    {
        if (buffered == _received.Length) Array.Resize(ref _received, 2 * buffered);
        int bytes = await _socket.ReceiveAsync(_received.AsMemory(buffered));
        return bytes > 0 ? buffered + bytes : throw new InvalidDataException("the server closed the connection");
    }

    private int TakeFrames(ReadOnlySpan<byte> received)
    {
        int used = 0;
        while (received.Length - used >= FrameHeader.Bytes)
        {
            int length = FrameHeader.BodyBytes(received[used..]);
            if (received.Length - used - FrameHeader.Bytes < length) break;
            ReadOnlySpan<byte> body = received.Slice(used + FrameHeader.Bytes, length);
            if (!body.StartsWith("{\"status\": \"OK\""u8)) throw new InvalidDataException(Encoding.UTF8.GetString(body));
            Volatile.Write(ref _changes, _changes + body.Count("\"kind\": "u8));
            used += FrameHeader.Bytes + length;
        }
        return used;
    }
}
