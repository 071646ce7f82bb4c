using System.IO.Pipelines;
using KestrelKv.Protocol;

namespace KestrelKv.Wire;

/// <summary>Sends the replies of one connection, and measures how long its client leaves them unread.</summary>
/// <remarks>
/// Replies are sent in pieces of at most <see cref="ReplyWriter.OutputBytesMax"/> and a block. The client must read each piece within
/// <see cref="WireOptions.WriteTimeout"/>, however long the reply is.
/// </remarks>
internal sealed class ReplySender(
    PipeWriter output, ReplyWriter replies, ConnectionCounters counters, ByteBudget budget, TimeSpan timeout,
    TimeProvider time) : IDisposable
{
    private const long NotWaiting = long.MaxValue;

    private readonly long _timeoutTicks = (long)(timeout.TotalSeconds * time.TimestampFrequency);
    private long _deadline = NotWaiting;

    /// <summary>The number of reply bytes that wait for <see cref="FlushAsync"/>.</summary>
    public long UnsentBytes => replies.BytesWritten - counters.BytesSent;

    /// <summary>Whether a piece waits for the client. May be read by any thread.</summary>
    public bool IsWaiting => Volatile.Read(ref _deadline) != NotWaiting;

    /// <summary>Whether the client has not taken a piece in time. May be called by any thread.</summary>
    public bool IsLate(long now) => now >= Volatile.Read(ref _deadline);

    /// <summary>Sends all replies. Returns false if the client has disconnected.</summary>
    public ValueTask<bool> FlushAsync()
    {
        long bytes = UnsentBytes - replies.Pieces.Bytes;
        counters.BytesSent = replies.BytesWritten;
        replies.Commit();
        if (replies.Pieces.Bytes > 0) return SendPiecesAsync(bytes);
        ValueTask<FlushResult> flush = output.FlushAsync();
        return flush.IsCompletedSuccessfully ? new(!flush.Result.IsCompleted) : WaitAsync(flush, bytes);
    }

    public void Dispose() => replies.Pieces.Dispose();

    private async ValueTask<bool> SendPiecesAsync(long outputBytes)
    {
        while (replies.Pieces.First is { IsEmpty: false } piece)
        {
            // The output sends its own bytes first.
            ValueTask<FlushResult> write = output.WriteAsync(piece);
            bool taken = write.IsCompletedSuccessfully ? !write.Result.IsCompleted : await WaitAsync(write, outputBytes);
            if (!taken) return false;
            replies.Pieces.ReleaseFirst();
            outputBytes = 0;
        }
        return true;
    }

    /// <summary>Waits until the client has taken a piece, of which the output holds <paramref name="bytes"/> bytes.</summary>
    private async ValueTask<bool> WaitAsync(ValueTask<FlushResult> flush, long bytes)
    {
        budget.Take(bytes);
        Volatile.Write(ref _deadline, time.GetTimestamp() + _timeoutTicks);
        try
        {
            return !(await flush).IsCompleted;
        }
        finally
        {
            Volatile.Write(ref _deadline, NotWaiting);
            budget.Return(bytes);
        }
    }
}
