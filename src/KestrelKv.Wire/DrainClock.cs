using System.IO.Pipelines;

namespace KestrelKv.Wire;

/// <summary>
/// Once the server stops: tells when a client has had its requests answered. Bytes that had arrived when the server
/// stopped may still be on their way through the system, so it is given a moment of silence first.
/// </summary>
internal sealed class DrainClock(PipeReader input, TimeProvider time, TimeSpan quiet, TimeSpan longest) : IDisposable
{
    private ITimer? _wake;
    private long _start;

    /// <summary>To be asked after each read; wakes the reader after the quiet time, so that it asks again.</summary>
    /// <param name="silent">Whether the read was woken and brought nothing; a part of a request is something.</param>
    public bool IsOver(bool silent)
    {
        if (_wake is null)
        {
            _start = time.GetTimestamp();
            _wake = time.CreateTimer(static state => ((PipeReader)state!).CancelPendingRead(), input, quiet, Timeout.InfiniteTimeSpan);
            return false;
        }

        if (silent || time.GetElapsedTime(_start) >= longest) return true;
        _wake.Change(quiet, Timeout.InfiniteTimeSpan);
        return false;
    }

    public void Dispose() => _wake?.Dispose();
}
