using System.Net;
using System.Net.Sockets;
using System.Text;
using KestrelKv.Benchmarks.Loads;

namespace KestrelKv.Benchmarks.Interference;

/// <summary>Reads all keys with their values over the wire, page by page, and starts over at the end.</summary>
internal sealed class ScanPages : IDisposable
{
    private const int PageEntries = 1_000; // The maximum.

    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private byte[] _reply = new byte[1024 * 1024];
    private string _after = "";

    public ScanPages(int port) => _socket.Connect(IPAddress.Loopback, port);

    public void Dispose() => _socket.Dispose();

    public void TakeNext()
    {
        string body = $$$"""{"func": "SCAN", "params": {"limit": {{{PageEntries}}}, "values": true{{{_after}}}}}""";
        _socket.Send(FrameHeader.Before(Encoding.UTF8.GetBytes(body)));

        ReadOnlySpan<byte> reply = Receive();
        int next = reply.LastIndexOf("\"next\": "u8);
        if (next < 0) throw new InvalidDataException(Encoding.UTF8.GetString(reply));
        ReadOnlySpan<byte> key = reply[(next + 8)..];
        _after = key[0] == '"' ? $", \"after\": {Encoding.UTF8.GetString(key[..(key[1..].IndexOf((byte)'"') + 2)])}" : "";
    }

    private ReadOnlySpan<byte> Receive()
    {
        int received = 0, bytes = FrameHeader.Bytes;
        while (received < bytes)
        {
            int bytesRead = _socket.Receive(_reply.AsSpan(received));
            if (bytesRead == 0) throw new InvalidDataException("the server closed the connection");
            received += bytesRead;
            if (received >= FrameHeader.Bytes) bytes = FrameHeader.Bytes + FrameHeader.BodyBytes(_reply);
            if (_reply.Length < bytes) Array.Resize(ref _reply, bytes);
        }
        return _reply.AsSpan(FrameHeader.Bytes, bytes - FrameHeader.Bytes);
    }
}
