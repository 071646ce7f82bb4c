using System.Buffers.Binary;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace KestrelKv.Testing;

/// <summary>A client of the wire on a real socket, perhaps with TLS.</summary>
public sealed class WireClient : IDisposable
{
    private readonly Stream _stream;

    private WireClient(Socket socket, Stream stream) => (Socket, _stream) = (socket, stream);

    public Socket Socket { get; }

    public static async Task<WireClient> ConnectAsync(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port));
        return new WireClient(
            socket, new NetworkStream(socket, ownsSocket: true) { ReadTimeout = (int)Wait.Patience.TotalMilliseconds });
    }

    /// <summary>Connects and performs a TLS handshake.</summary>
    public static async Task<WireClient> ConnectAsync(int port, SslClientAuthenticationOptions tls)
    {
        WireClient client = await ConnectAsync(port);
        var stream = new SslStream(client._stream);
        try
        {
            using var timeout = new CancellationTokenSource(Wait.Patience);
            await stream.AuthenticateAsClientAsync(tls, timeout.Token);
            return new WireClient(client.Socket, stream);
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
    }

    /// <summary>The TLS of the connection; null if it has none.</summary>
    public SslStream? Tls => _stream as SslStream;

    public async Task SendAsync(ReadOnlyMemory<byte> bytes) => await _stream.WriteAsync(bytes);

    public async Task<string> CallAsync(string body)
    {
        await SendAsync(Frames.Of(body));
        return await ReceiveAsync() ?? throw new EndOfStreamException("The server closed the connection instead of replying.");
    }

    /// <summary>Returns the body of the next reply; null if the server has closed the connection.</summary>
    public async Task<string?> ReceiveAsync()
    {
        using var timeout = new CancellationTokenSource(Wait.Patience);
        byte[] header = new byte[8];
        int received = await _stream.ReadAtLeastAsync(header, header.Length, throwOnEndOfStream: false, timeout.Token);
        if (received == 0) return null;
        Assert.Equal(header.Length, received);
        Assert.Equal(1, BinaryPrimitives.ReadInt32LittleEndian(header));

        byte[] body = new byte[BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(4))];
        await _stream.ReadExactlyAsync(body, timeout.Token);
        string reply = Encoding.UTF8.GetString(body);
        if (reply.Contains("\"error\"", StringComparison.Ordinal)) Canary.AssertAbsent(reply, "an error");
        return reply;
    }

    public async Task<byte[]> ReceiveToEndAsync()
    {
        using var timeout = new CancellationTokenSource(Wait.Patience);
        using var all = new MemoryStream();
        await _stream.CopyToAsync(all, timeout.Token);
        return all.ToArray();
    }

    /// <summary>Half-closes the connection.</summary>
    public async Task EndSendingAsync()
    {
        if (Tls is { } tls) await tls.ShutdownAsync();
        EndSending();
    }

    /// <summary>Half-closes the connection without an end of TLS.</summary>
    public void EndSending() => Socket.Shutdown(SocketShutdown.Send);

    /// <summary>Resets the connection. Must be called instead of <see cref="Dispose"/>, which would close it normally first.</summary>
    public void Reset()
    {
        Socket.LingerState = new LingerOption(enable: true, seconds: 0);
        Socket.Dispose();
    }

    public void Dispose() => _stream.Dispose();
}
