using System.ComponentModel;
using System.Diagnostics;
using System.Net.Sockets;

namespace KestrelKv.Benchmarks.Loads;

/// <summary>
/// A client that connects, makes one or more calls in sequence, and closes. It checks each reply. A connection that cannot be opened ends
/// the measurement: an omitted call would make the server look faster.
/// </summary>
internal sealed class CallClient(CallOptions options, LoadScratch scratch, SourceAddresses sources, Epoll epoll, int number) : IDisposable
{
    private const int None = -1;
    private const uint Loopback = 0x7F000001;

    private readonly LoadRequest[] _request = new LoadRequest[1];
    private int _socket = None;
    private uint _source;
    private LoadTls? _tls;
    private LoadTlsSession? _session;
    private bool _isConnected; // The kernel has accepted bytes.
    private uint _watched;
    private int _calls; // On this connection.
    private int _requestBytes;
    private int _sentBytes;
    private int _answeredBytes;

    /// <summary>The timestamp at which the call began: before the connection was opened, if it is the first call on it.</summary>
    public long Began { get; private set; }

    private bool IsSent => _sentBytes == _requestBytes;

    /// <summary>Starts the next call, on a new connection if the last one is closed.</summary>
    /// <exception cref="Win32Exception">The connection cannot be opened.</exception>
    public void Start(IRounds rounds)
    {
        rounds.Take(_request);
        _requestBytes = scratch.RequestOf(_request[0]).Length;
        _sentBytes = _answeredBytes = 0;
        if (_socket == None) Open();
        else Began = Stopwatch.GetTimestamp();
        _calls++;
        Send();
    }

    /// <summary>Continues after an event of the socket.</summary>
    /// <returns>Whether the reply is complete.</returns>
    /// <exception cref="InvalidDataException">The reply is wrong or missing.</exception>
    /// <exception cref="SocketException">The connection is lost.</exception>
    public bool Continue(uint what)
    {
        if (!IsSent) Send();
        if (!IsSent) return false;
        return (what & ~Epoll.Writable) != 0 && Receive();
    }

    /// <summary>Closes the connection after its last call.</summary>
    public void EndCall()
    {
        if (_calls == options.CallsPerConnection) Close();
    }

    public void Dispose()
    {
        Close();
        _session?.Dispose();
    }

    public void Close()
    {
        if (_socket == None) return;
        _tls?.Dispose();
        _tls = null;
        if (options.Close == CloseKind.Reset) Check(SocketCalls.SetResetAtClose(_socket));
        Check(SocketCalls.Close(_socket)); // Closing also removes it from epoll.
        _socket = None;
    }

    private void Open()
    {
        _source = sources.Next();
        (_isConnected, _watched, _calls) = (false, 0, 0);
        _socket = SocketCalls.Open();
        if (_socket < 0 || SocketCalls.SetNoDelay(_socket) < 0 || SocketCalls.Bind(_socket, _source) < 0) throw ConnectFailure();
        Began = Stopwatch.GetTimestamp();
        if (SocketCalls.Connect(_socket, Loopback, options.Load.Port) < 0 && SocketCalls.LastError != SocketCalls.InProgress)
            throw ConnectFailure();
        if (options.Load.Tls) _tls = new LoadTls(_socket, _session);
    }

    /// <summary>
    /// Sends the remaining bytes of the request. Over loopback the handshake is complete when <c>connect</c> returns, or the socket
    /// becomes writable later.
    /// </summary>
    private void Send()
    {
        Span<byte> request = scratch.Requests.AsSpan(0, _requestBytes);
        scratch.RequestOf(_request[0]).Write(request, _request[0].Key, scratch.Digits.AsSpan(_request[0].DigitsAt));
        int sent = _tls?.Send(request[_sentBytes..]) ?? SocketCalls.Send(_socket, request[_sentBytes..]);
        if (sent >= 0)
        {
            _isConnected = true;
            _sentBytes += sent;
        }
        else if (_tls is null && SocketCalls.LastError != SocketCalls.WouldBlock)
        {
            throw _isConnected ? new SocketException(SocketCalls.LastError) : ConnectFailure();
        }
        Watch(IsSent || _tls is { WaitsForServer: true } ? Epoll.Readable : Epoll.Readable | Epoll.Writable);
    }

    private void Watch(uint events)
    {
        if (_watched == 0) epoll.Watch(_socket, number, events);
        else if (_watched != events) epoll.Change(_socket, number, events);
        _watched = events;
    }

    private bool Receive()
    {
        int bytes = _tls?.Receive(scratch.Replies) ?? SocketCalls.Receive(_socket, scratch.Replies);
        if (bytes == 0) throw new InvalidDataException("the server closed the connection before its reply was complete");
        if (bytes < 0)
        {
            bool isLater = _tls is not null || SocketCalls.LastError == SocketCalls.WouldBlock;
            return isLater ? false : throw new SocketException(SocketCalls.LastError);
        }
        MessageShape reply = scratch.ReplyTo(_request[0]);
        int used = reply.Check(scratch.Replies.AsSpan(0, bytes), _request[0].Key, _answeredBytes);
        if (used < bytes) throw new InvalidDataException("the server sent more bytes than the reply to one request");
        _answeredBytes += used;
        if (_answeredBytes < reply.Length) return false;
        if (_tls is not null && _calls == 1)
        {
            _session?.Dispose();
            _session = _tls.TakeSession();
        }
        return true;
    }

    private static void Check(int result)
    {
        if (result < 0) throw new Win32Exception(SocketCalls.LastError);
    }

    private Win32Exception ConnectFailure()
    {
        string reason = new Win32Exception(SocketCalls.LastError).Message;
        return new Win32Exception(
            SocketCalls.LastError, $"cannot connect from {SourceAddresses.NameOf(_source)} to port {options.Load.Port}: {reason}");
    }
}
