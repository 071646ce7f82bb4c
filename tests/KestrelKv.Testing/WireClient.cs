using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace KestrelKv.Testing;

/// <summary>A client of the wire on a real socket.</summary>
public sealed class WireClient : IDisposable
{
    private readonly NetworkStream _stream;

    private WireClient(Socket socket)
    {
        Socket = socket;
        _stream = new NetworkStream(socket, ownsSocket: true) { ReadTimeout = (int)Wait.Patience.TotalMilliseconds };
    }

    /// <summary>The socket itself.</summary>
    public Socket Socket { get; }

    /// <summary>Connects to this machine.</summary>
    public static async Task<WireClient> ConnectAsync(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port));
        return new WireClient(socket);
    }

    /// <summary>Sends bytes as they are.</summary>
    public async Task SendAsync(ReadOnlyMemory<byte> bytes) => await _stream.WriteAsync(bytes);

    /// <summary>Sends a request and gives the reply's body.</summary>
    public async Task<string> CallAsync(string body)
    {
        await SendAsync(Frames.Of(body));
        return await ReceiveAsync() ?? throw new EndOfStreamException("The server closed the connection instead of replying.");
    }

    /// <summary>The body of the next reply; null where the server has closed the connection.</summary>
    public async Task<string?> ReceiveAsync()
    {
        using var patience = new CancellationTokenSource(Wait.Patience);
        byte[] header = new byte[8];
        int got = await _stream.ReadAtLeastAsync(header, header.Length, throwOnEndOfStream: false, patience.Token);
        if (got == 0) return null;
        Assert.Equal(header.Length, got);
        Assert.Equal(1, BinaryPrimitives.ReadInt32LittleEndian(header));

        byte[] body = new byte[BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(4))];
        await _stream.ReadExactlyAsync(body, patience.Token);
        return Encoding.UTF8.GetString(body);
    }

    /// <summary>Everything up to the end of the stream.</summary>
    public async Task<byte[]> ReceiveToEndAsync()
    {
        using var patience = new CancellationTokenSource(Wait.Patience);
        using var all = new MemoryStream();
        await _stream.CopyToAsync(all, patience.Token);
        return all.ToArray();
    }

    /// <summary>Says that nothing more will be sent.</summary>
    public void EndSending() => Socket.Shutdown(SocketShutdown.Send);

    /// <summary>Breaks the connection off. To be called instead of <see cref="Dispose"/>, which would end it properly first.</summary>
    public void Reset()
    {
        Socket.LingerState = new LingerOption(enable: true, seconds: 0);
        Socket.Dispose();
    }

    /// <inheritdoc/>
    public void Dispose() => _stream.Dispose();
}
