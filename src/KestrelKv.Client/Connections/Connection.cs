using System.Diagnostics.CodeAnalysis;
using KestrelKv.Client.Replies;

namespace KestrelKv.Client.Connections;

/// <summary>One connection of a lane: sends queued calls, several at a time, and passes replies to the calls in order.</summary>
/// <remarks>
/// <para>
/// <b>Sending.</b> One thread at a time sends. It takes all queued calls, sends them, and repeats this until the queue is empty. There is no
/// timer: while it sends, further calls are queued. A call that finds nothing in progress sends at once. Otherwise the thread pool sends, after
/// the callers that are ready to run have submitted their next calls.
/// </para>
/// <para>The lane's gate protects the sent calls and <see cref="_isSending"/>.</para>
/// </remarks>
internal sealed class Connection : IThreadPoolWorkItem
{
    private const int SendBufferBytes = 64 * 1024;
    private const int ReceiveBufferBytes = 64 * 1024;

    private readonly Lane _lane;
    private readonly Stream _stream;
    private readonly Queue<Call> _sent = new();
    private readonly byte[] _sendBuffer = new byte[SendBufferBytes];
    private byte[] _received = new byte[ReceiveBufferBytes];
    private Call[] _answered = new Call[64];
    private bool _isSending;
    private int _isBroken;

    // The timestamp of the last sign of life, or of the first call after a pause.
    private long _lastActivity;

    public Connection(Lane lane, Stream stream) => (_lane, _stream) = (lane, stream);

    /// <summary>The number of calls without a reply. Requires the gate.</summary>
    public int SentCount => _sent.Count;

    /// <summary>Begins to send and to receive. The caller has called <see cref="TryBeginSending"/>.</summary>
    public void Start()
    {
        _ = ReceiveAsync();
        Send(onCallerThread: false);
    }

    /// <summary>Reserves the sender's role. Requires the gate.</summary>
    /// <param name="onCallerThread">Whether the caller itself should send, because no reply is due.</param>
    public bool TryBeginSending(out bool onCallerThread)
    {
        onCallerThread = _sent.Count == 0;
        if (_isSending) return false;
        return _isSending = true;
    }

    /// <summary>Ends the sender's role. Requires the gate.</summary>
    public void EndSending() => _isSending = false;

    /// <summary>Sends the queued calls. The caller has called <see cref="TryBeginSending"/>.</summary>
    public void Send(bool onCallerThread)
    {
        if (onCallerThread) _ = SendAsync();
        else ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    void IThreadPoolWorkItem.Execute() => _ = SendAsync();

    /// <summary>Adds a call that is about to be sent. Requires the gate.</summary>
    public void AddSent(Call call, long now)
    {
        if (_sent.Count == 0) Volatile.Write(ref _lastActivity, now);
        _sent.Enqueue(call);
    }

    /// <summary>Removes one call without a reply. Requires the gate.</summary>
    public bool TryTakeSent([NotNullWhen(true)] out Call? call) => _sent.TryDequeue(out call);

    /// <summary>Removes calls whose replies have arrived. Requires the gate.</summary>
    /// <returns>The number of calls, fewer than requested if fewer were sent.</returns>
    public int TakeSent(Span<Call> calls)
    {
        int count = 0;
        while (count < calls.Length && _sent.TryDequeue(out Call? call)) calls[count++] = call;
        return count;
    }

    /// <summary>Ends late calls among those that were sent. Requires the gate.</summary>
    /// <returns>Whether the connection is stalled.</returns>
    public bool CheckSent(long now)
    {
        foreach (Call call in _sent)
            if (call.Deadline <= now) call.EndLate();
        return _sent.Count > 0 && _lane.Time.GetElapsedTime(Volatile.Read(ref _lastActivity), now) > _lane.StallTimeout;
    }

    /// <summary>Closes the connection. Its calls are sent again, or fail.</summary>
    public void Break(Exception reason)
    {
        if (Interlocked.Exchange(ref _isBroken, 1) != 0) return;
        try
        {
            _stream.Dispose();
        }
        finally
        {
            _lane.OnBroken(this, reason);
        }
    }

    private async Task SendAsync()
    {
        try
        {
            while (true)
            {
                int length = _lane.TakeForSending(this, _sendBuffer, out Call? longCall);
                if (length > 0) await _stream.WriteAsync(_sendBuffer.AsMemory(0, length)).ConfigureAwait(false);
                else if (longCall is null) return;
                if (longCall is not null) await SendLongAsync(longCall).ConfigureAwait(false);
            }
        }
        catch (Exception e)
        {
            Break(e);
        }
    }

    /// <summary>Sends a long request piece by piece, so that a slow network does not look like a stalled connection.</summary>
    private async Task SendLongAsync(Call call)
    {
        try
        {
            for (ReadOnlyMemory<byte> rest = call.Request.Frame; !rest.IsEmpty;)
            {
                int piece = Math.Min(rest.Length, SendBufferBytes);
                await _stream.WriteAsync(rest[..piece]).ConfigureAwait(false);
                rest = rest[piece..];
                Volatile.Write(ref _lastActivity, _lane.Time.GetTimestamp());
            }
        }
        finally
        {
            call.Release();
        }
    }

    private async Task ReceiveAsync()
    {
        try
        {
            int length = 0;
            while (true)
            {
                int received = await _stream.ReadAsync(_received.AsMemory(length)).ConfigureAwait(false);
                if (received == 0) throw new EndOfStreamException("The server closed the connection.");
                Volatile.Write(ref _lastActivity, _lane.Time.GetTimestamp());
                length += received;
                int used = TakeReplies(_received.AsSpan(0, length), out int needed);
                length -= used;
                if (length > 0 && used > 0) _received.AsSpan(used, length).CopyTo(_received);
                if (Math.Max(needed, ReceiveBufferBytes) is var size && size != _received.Length && length <= size)
                    Array.Resize(ref _received, size);
            }
        }
        catch (Exception e)
        {
            Break(e);
        }
    }

    /// <summary>Passes complete replies to their calls.</summary>
    /// <param name="text">The received bytes.</param>
    /// <param name="needed">The length of the next frame, if its header has arrived; otherwise 0.</param>
    /// <returns>The number of bytes of complete replies.</returns>
    /// <exception cref="Exception">The server has closed the connection with an error, or the bytes are no replies.</exception>
    private int TakeReplies(ReadOnlySpan<byte> text, out int needed)
    {
        int count = 0, end = 0;
        bool works = false;
        Exception? closing = null;
        needed = 0;
        while (closing is null && TryReadHeader(text[end..], out int length, out closing))
        {
            needed = FrameHeader.Bytes + length;
            if (needed > text.Length - end) break;
            ReadOnlySpan<byte> reply = text.Slice(end + FrameHeader.Bytes, length);
            closing = ServerError.ClosingReason(reply);

            // These answer a request, which would close each further connection that sends it: too long a request, and a reply that cannot be read.
            if (closing is not null and not (RefusedException { Code: "frame_too_long" } or OutcomeUnknownException)) break;
            works = works || ServerError.StoreFailure(reply) is null;
            end += needed;
            needed = 0;
            count++;
        }
        if (_answered.Length < count) _answered = new Call[count];
        Span<Call> calls = _answered.AsSpan(0, count);
        int taken = _lane.TakeSent(this, calls, works);
        int at = 0;
        List<Call>? repeated = null;
        for (int i = 0; i < taken; i++)
        {
            Call call = calls[i];
            FrameHeader.TryRead(text[at..], _lane.ReplyBytesMax, out int length, out _);
            ReadOnlySpan<byte> reply = text.Slice(at + FrameHeader.Bytes, length);
            at += FrameHeader.Bytes + length;
            if (call is { IsRepeatable: true, IsEnded: false } && ServerError.StoreFailure(reply) is { } failure)
            {
                (repeated ??= []).Add(call);
                closing ??= failure;
                continue;
            }
            call.EndWith(reply);
            call.Release();
        }
        if (repeated is not null)
        {
            // The next connection may lead to a server whose database answers.
            _lane.OnBroken(this, closing!, repeated);
            Break(closing!);
        }
        calls.Clear();
        if (closing is not null) throw closing;
        if (taken < count) throw new IOException("The server sent a reply without a request.");
        return end;
    }

    /// <summary>Reads the next header.</summary>
    /// <returns>False if it has not arrived, or is invalid.</returns>
    private bool TryReadHeader(ReadOnlySpan<byte> text, out int length, out Exception? fault)
    {
        (length, fault) = (0, null);
        if (text.Length < FrameHeader.Bytes) return false;
        if (FrameHeader.TryRead(text, _lane.ReplyBytesMax, out length, out IOException? invalid)) return true;
        fault = invalid;
        return false;
    }
}
