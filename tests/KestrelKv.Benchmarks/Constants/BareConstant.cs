using System.Net;
using System.Net.Sockets;
using KestrelKv.Benchmarks.Loads;

namespace KestrelKv.Benchmarks.Constants;

/// <summary>
/// A server that answers each frame with a constant value, on one thread, with system calls alone: <c>accept4</c>, <c>epoll_ctl</c>,
/// <c>recv</c>, <c>send</c>, <c>close</c>. It is the lower bound for the cost of a connection on this machine.
/// </summary>
internal sealed class BareConstant
{
    private const int Backlog = 4_096;
    private const int BufferBytesMin = 256 * 1_024;

    private readonly ConstantReplies _replies;
    private readonly byte[] _input;
    private readonly byte[] _output;

    /// <summary>The beginnings of incomplete requests, by socket.</summary>
    private readonly Dictionary<int, byte[]> _begun = [];

    private BareConstant(int valueBytes)
    {
        _replies = new ConstantReplies(valueBytes);
        _input = new byte[Math.Max(BufferBytesMin, valueBytes * 2)];
        _output = new byte[Math.Max(BufferBytesMin, _replies.ReplyBytesMax)];
    }

    public static void Run(ConstantOptions options) => new BareConstant(options.ValueBytes).Run(options.Port);

    private void Run(int port)
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, port));
        listener.Listen(Backlog);
        listener.Blocking = false;
        using var epoll = new Epoll();
        int listening = (int)listener.Handle;
        epoll.Watch(listening, listening, Epoll.Readable);
        while (true)
        {
            int events = epoll.Wait();
            for (int i = 0; i < events; i++)
            {
                int socket = epoll[i].Number;
                if (socket != listening) Serve(socket);
                else if (SocketCalls.Accept(listening) is >= 0 and int accepted) epoll.Watch(accepted, accepted, Epoll.Readable);
            }
        }
    }

    /// <summary>Answers all requests of one receive. Neither call blocks: bytes are available, and clients read their replies.</summary>
    private void Serve(int socket)
    {
        int length = 0;
        if (_begun.Count > 0 && _begun.Remove(socket, out byte[]? begun))
        {
            begun.CopyTo(_input, 0);
            length = begun.Length;
        }
        int received = SocketCalls.Receive(socket, _input.AsSpan(length));
        if (received <= 0 || !TryAnswer(socket, _input.AsSpan(0, length + received)))
            _ = SocketCalls.Close(socket); // The client closed or reset the connection.
    }

    private bool TryAnswer(int socket, ReadOnlySpan<byte> received)
    {
        int used = 0, written = 0;
        for (int bytes; (bytes = ConstantReplies.RequestBytes(received[used..])) > 0; used += bytes)
        {
            if (_output.Length - written < _replies.ReplyBytesMax)
            {
                if (!TrySend(socket, written)) return false;
                written = 0;
            }
            written += _replies.Write(received.Slice(used, bytes), _output.AsSpan(written));
        }
        if (used < received.Length) _begun[socket] = received[used..].ToArray();
        return written == 0 || TrySend(socket, written);
    }

    private bool TrySend(int socket, int bytes) => SocketCalls.Send(socket, _output.AsSpan(0, bytes)) == bytes;
}
