namespace KestrelKv.Benchmarks.Loads;

/// <summary>
/// One client: sends the requests of a round, as many as may be in flight, takes all their replies, and checks each. It
/// keeps no bytes of either: requests that the system has no room for are made again, replies are checked as they come.
/// </summary>
internal sealed class LoadConnection(LoadOptions options, LoadScratch scratch) : IDisposable
{
    private readonly LoadSocket _socket = new(options.Port);
    private readonly LoadRequest[] _round = new LoadRequest[options.InFlight];
    private int _sent;
    private int _sentBytes; // Of request _sent.
    private int _answered;
    private int _answeredBytes; // Of the reply to request _answered.

    /// <summary>Of its socket.</summary>
    public int File => _socket.File;

    /// <summary>When the round was due.</summary>
    public long Due { get; private set; }

    /// <summary>How many requests the round has.</summary>
    public int Requests { get; private set; }

    public bool IsIdle => _answered == Requests;

    public void Dispose() => _socket.Dispose();

    /// <summary>Begins the next round.</summary>
    public void Start(long due, IRounds rounds)
    {
        Due = due;
        Requests = rounds.Take(_round);
        _sent = _answered = 0;
        Send();
    }

    /// <summary>Goes on, now that something has happened to the socket.</summary>
    /// <returns>Whether this was the end of the round.</returns>
    public bool Continue(uint what)
    {
        bool wasIdle = IsIdle;
        if ((what & Epoll.Writable) != 0 && _sent < Requests) Send();
        if ((what & (Epoll.Readable | Epoll.Ended)) != 0) Receive((what & Epoll.Ended) != 0);
        return IsIdle && !wasIdle;
    }

    private void Send()
    {
        // A send that does not take all has used up the room: what is left waits until there is some.
        for (bool isRoom = true; isRoom && _sent < Requests;)
        {
            (int next, int bytes) = WriteRequests();
            int sent = _socket.Send(scratch.Requests.AsSpan(_sentBytes, bytes - _sentBytes)) + _sentBytes;
            for (int length; _sent < next && sent >= (length = scratch.RequestOf(_round[_sent]).Length); sent -= length) _sent++;
            _sentBytes = sent;
            isRoom = _sent == next;
        }
    }

    /// <summary>Writes requests from <see cref="_sent"/> on, as many as there is room for.</summary>
    /// <returns>The first one that is not written, and the bytes of all that are.</returns>
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
            if (bytes == 0) throw new InvalidDataException("the server closed the connection");
            if (bytes > 0) Take(replies[..bytes]);
        }
        // Where there was less than there is room for, there is no more: what comes is a new event.
        while (bytes == replies.Length || (hasEnded && bytes > 0));
    }

    private void Take(ReadOnlySpan<byte> replies)
    {
        while (replies.Length > 0)
        {
            if (IsIdle) throw new InvalidDataException("the server sent more than was asked for");
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
