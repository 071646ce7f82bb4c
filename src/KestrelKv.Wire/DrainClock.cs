using System.IO.Pipelines;

namespace KestrelKv.Wire;

/// <summary>
/// Once the server stops, decides when all requests of a client have been answered. Bytes that had arrived when the server
/// stopped may still be on their way through the system, so a time of silence must pass first.
/// </summary>
/// <remarks>
/// A client that continues to send is not served for ever: it may make the server wait for <c>longest</c> in all, and
/// send <c>bytesMax</c> more. The time of sending replies does not count: the requests of a client that reads slowly had arrived, too.
/// </remarks>
internal sealed class DrainClock(PipeReader input, TimeProvider time, TimeSpan quiet, TimeSpan longest, long bytesMax) : IDisposable
{
    private ITimer? _wake;
    private TimeSpan _waited;
    private long _waitingSince;
    private long _bytes;

    /// <summary>To be asked after each read; wakes the reader after the quiet time, so that it asks again.</summary>
    /// <param name="silent">Whether the read was woken and brought nothing; a part of a request is something.</param>
    /// <param name="readAt">When the read ended.</param>
    /// <param name="bytes">How many bytes of requests it brought.</param>
    public bool IsOver(bool silent, long readAt, long bytes)
    {
        if (_wake is null)
        {
            _wake = time.CreateTimer(static state => ((PipeReader)state!).CancelPendingRead(), input, quiet, Timeout.InfiniteTimeSpan);
        }
        else
        {
            TimeSpan waited = time.GetElapsedTime(_waitingSince, readAt);
            _waited += waited;
            _bytes += bytes;

            // A call to wake that came during a batch makes the next read return at once: that is no silence.
            if ((silent && waited >= quiet) || _waited >= longest || _bytes >= bytesMax) return true;
            _wake.Change(quiet, Timeout.InfiniteTimeSpan);
        }
        _waitingSince = time.GetTimestamp();
        return false;
    }

    public void Dispose() => _wake?.Dispose();
}
