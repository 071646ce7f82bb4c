using System.IO.Pipelines;

namespace KestrelKv.Wire;

/// <summary>
/// Decides, during a stop, when all requests of a client are answered. Bytes that arrived before the stop may still be in the system's
/// buffers, so a quiet time must pass first.
/// </summary>
/// <remarks>
/// A client that continues to send is served for a limited time: the server waits for it at most <c>waitMax</c> in total, and accepts
/// <c>bytesMax</c> more bytes. The time for sending replies does not count, because the requests of a slow reader have also arrived.
/// </remarks>
internal sealed class DrainClock(PipeReader input, TimeProvider time, TimeSpan quietTime, TimeSpan waitMax, long bytesMax) : IDisposable
{
    private ITimer? _wake;
    private TimeSpan _waited;
    private long _waitingSince;
    private long _bytes;

    /// <summary>Whether the connection may be closed. Must be called after each read. Wakes the reader after the quiet time.</summary>
    /// <param name="silent">Whether the read was woken and received nothing, not even a part of a request.</param>
    /// <param name="readAt">The timestamp of the end of the read.</param>
    /// <param name="bytes">The number of request bytes in the read.</param>
    public bool IsOver(bool silent, long readAt, long bytes)
    {
        if (_wake is null)
        {
            _wake = time.CreateTimer(static state => ((PipeReader)state!).CancelPendingRead(), input, quietTime, Timeout.InfiniteTimeSpan);
        }
        else
        {
            TimeSpan waited = time.GetElapsedTime(_waitingSince, readAt);
            _waited += waited;
            _bytes += bytes;

            // A wake-up during a batch makes the next read return at once, which is not silence.
            if ((silent && waited >= quietTime) || _waited >= waitMax || _bytes >= bytesMax) return true;
            _wake.Change(quietTime, Timeout.InfiniteTimeSpan);
        }
        _waitingSince = time.GetTimestamp();
        return false;
    }

    public void Dispose() => _wake?.Dispose();
}
