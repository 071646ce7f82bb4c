namespace KestrelKv.Benchmarks.Loads;

/// <summary>
/// One client: sends the requests of a round, as many as may be in flight, receives their replies, and checks each. It buffers neither:
/// requests that the socket did not accept are generated again, and replies are checked as they arrive.
/// </summary>
internal sealed class LoadConnection(LoadOptions options, LoadScratch scratch) : IDisposable
{
    private readonly LoadSocket _socket = new(options.Port, options.Tls);
    private readonly LoadRequest[] _round = new LoadRequest[options.InFlight];
    private int _sent;
    private int _sentBytes; // Of request _sent.
    private int _answered;
    private int _answeredBytes; // Of the reply to request _answered.

    public int File => _socket.File;

    /// <summary>The timestamp at which the round was due.</summary>
    public long Due { get; private set; }

    public int Requests { get; private set; }

    public bool IsIdle => _answered == Requests;

    public void Dispose() => _socket.Dispose();

    public void Start(long due, IRounds rounds)
    {
        Due = due;
        Requests = rounds.Take(_round);
        _sent = _answered = 0;
        Send();
    }

    /// <summary>Continues the round after an event of the socket.</summary>
    /// <returns>Whether the round is now complete.</returns>
    public bool Continue(uint events)
    {
        bool wasIdle = IsIdle;

        // TLS may have to receive before it can send, during its handshake.
        if (_sent < Requests && ((events & Epoll.Writable) != 0 || _socket.ReceivesRecords)) Send();
        if ((events & (Epoll.Readable | Epoll.Ended)) != 0) Receive((events & Epoll.Ended) != 0);
        return IsIdle && !wasIdle;
    }

    private void Send()
    {
        // A partial send means that the socket's buffer is full: the remaining bytes wait until it is writable.
        for (bool hasRoom = true; hasRoom && _sent < Requests;)
        {
            (int next, int bytes) = WriteRequests();
            int sent = _socket.Send(scratch.Requests.AsSpan(_sentBytes, bytes - _sentBytes)) + _sentBytes;
            for (int length; _sent < next && sent >= (length = scratch.RequestOf(_round[_sent]).Length); sent -= length) _sent++;
            _sentBytes = sent;
            hasRoom = _sent == next;
        }
    }

    /// <summary>Writes requests from <see cref="_sent"/> on, as many as fit into the buffer.</summary>
    /// <returns>The index of the first request not written, and the number of bytes written.</returns>
    private (int Next, int Bytes) WriteRequests()
    {
        Span<byte> output = scratch.Requests;
        int next = _sent, bytes = 0;
        for (; next < Requests; next++)
        {
            LoadRequest request = _round[next];
            MessageShape shape = scratch.RequestOf(request);
            if (output.Length - bytes < shape.Length) break;
            shape.Write(output[bytes..], request.Key, scratch.Digits.AsSpan(request.DigitsAt));
            bytes += shape.Length;
        }
        return (next, bytes);
    }

    private void Receive(bool hasEnded)
    {
        Span<byte> replies = scratch.Replies;
        int bytes;
        do
        {
            bytes = _socket.Receive(replies);
            if (bytes < 0 && _sent < Requests && _socket.ReceivesRecords) Send();
            if (bytes == 0) throw new InvalidDataException("the server closed the connection");
            if (bytes > 0) Take(replies[..bytes]);
        }
        // A receive that did not fill the buffer took all bytes. Later bytes cause a new event.
        while (bytes == replies.Length || (bytes > 0 && (hasEnded || _socket.ReceivesRecords)));
    }

    private void Take(ReadOnlySpan<byte> replies)
    {
        while (replies.Length > 0)
        {
            if (IsIdle) throw new InvalidDataException("the server sent more bytes than the replies to all requests");
            LoadRequest request = _round[_answered];
            MessageShape shape = scratch.ReplyTo(request);
            int bytes = shape.Check(replies, request.Key, _answeredBytes);
            replies = replies[bytes..];
            _answeredBytes += bytes;
            if (_answeredBytes < shape.Length) return;
            _answered++;
            _answeredBytes = 0;
        }
    }
}
