using System.Net;
using System.Net.Sockets;
using KestrelKv.Benchmarks.Loads;

namespace KestrelKv.Benchmarks.Interference;

/// <summary>
/// A client that sends GETs without waiting for replies, and reads the replies as fast as they arrive. Many hundreds are in flight, as
/// many as the system's buffers hold.
/// </summary>
internal sealed class EndlessPipeline : IInterference
{
    private const int RequestsAtOnce = 256;
    private const int BufferBytes = 256 * 1_024;

    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly Task _sending;
    private readonly Task _receiving;
    private readonly int _replyBytes;
    private volatile bool _isEnding;
    private long _receivedBytes;

    public EndlessPipeline(int port, LoadOptions clients)
    {
        LoadProtocol frames = LoadProtocol.Frames;
        MessageShape get = frames.ShapeOf(frames.GetRequest, clients.ValueBytes);
        _replyBytes = frames.ShapeOf(frames.GetReply, clients.ValueBytes).Length;
        var random = new LoadRandom(seed: 2);
        byte[] requests = new byte[RequestsAtOnce * get.Length];
        for (int i = 0; i < RequestsAtOnce; i++) get.Write(requests.AsSpan(i * get.Length), random.Next(clients.Keys), digits: default);

        _socket.Connect(IPAddress.Loopback, port);
        _sending = BackgroundThread.Run(() => Repeat(() => _socket.Send(requests)));
        byte[] replies = new byte[BufferBytes];
        _receiving = BackgroundThread.Run(() => Repeat(() => Interlocked.Add(ref _receivedBytes, _socket.Receive(replies))));
    }

    public long Done => Interlocked.Read(ref _receivedBytes) / _replyBytes;

    public void Dispose()
    {
        _isEnding = true;
        _socket.Shutdown(SocketShutdown.Both); // Wakes both threads.
        Task.WaitAll(_sending, _receiving);
        _socket.Dispose();
    }

    private void Repeat(Action act)
    {
        try
        {
            while (!_isEnding) act();
        }
        catch (SocketException) when (_isEnding)
        {
            // The socket was shut down by Dispose.
        }
    }
}
