using System.Buffers;
using KestrelKv.Protocol;

namespace KestrelKv.Wire;

/// <summary>Reserves memory of <see cref="WireOptions.RequestBytesTotalMax"/> for a large frame that a connection is receiving.</summary>
/// <remarks>
/// The whole length of a frame is reserved when its header has arrived, and released when the frame has been executed. Therefore no two
/// connections hold a part each and wait for each other.
/// </remarks>
public sealed class FrameRoom(ByteBudget budget, int frameBytesMax, TimeSpan timeout, TimeProvider time) : IDisposable
{
    /// <summary>The maximum size of a request that does not count, in bytes.</summary>
    public const int SmallBytesMax = 64 * 1024;

    /// <summary>The number of bytes that a frame must deliver within <see cref="WireOptions.WriteTimeout"/> while others wait.</summary>
    public const int ProgressBytesMin = 64 * 1024;

    private readonly long _timeoutTicks = (long)(timeout.TotalSeconds * time.TimestampFrequency);
    private readonly CancellationTokenSource _stop = new();
    private long _held;
    private long _bytesAtProgress;
    private long _progressAt = long.MaxValue;

    /// <summary>Returns the length of the incomplete large frame at the front of a buffer; 0 if there is none.</summary>
    public long LengthOf(in ReadOnlySequence<byte> remaining)
    {
        if (remaining.Length < FrameReader.HeaderBytes) return 0;
        long length = FrameReader.LengthOf(remaining);
        return length > SmallBytesMax && length <= frameBytesMax ? length : 0;
    }

    /// <summary>Whether the frame at the front of a buffer is whole, or has an invalid length.</summary>
    public static bool IsWhole(in ReadOnlySequence<byte> buffer) => buffer.Length - FrameReader.HeaderBytes >= FrameReader.LengthOf(buffer);

    /// <summary>Holds room for a frame, 0 for none, and releases any other. Returns false if it is not available.</summary>
    /// <param name="frameBytes">The length of the frame, in bytes.</param>
    /// <param name="receivedBytes">The number of received bytes of the frame.</param>
    /// <param name="now">The timestamp of their read.</param>
    public bool TryHold(long frameBytes, long receivedBytes, long now)
    {
        if (_held == frameBytes)
        {
            if (frameBytes > 0 && receivedBytes - _bytesAtProgress >= ProgressBytesMin) MarkProgress(receivedBytes, now);
            return true;
        }
        Release();
        if (frameBytes == 0) return true;
        if (!budget.TryTake(frameBytes)) return false;
        _held = frameBytes;
        MarkProgress(receivedBytes, now);
        return true;
    }

    /// <summary>Waits for room for a frame.</summary>
    /// <returns>The error; null on success, or if the server is stopping.</returns>
    public async ValueTask<ProtocolError?> WaitAsync(long frameBytes, long receivedBytes, CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stop.Token);
        try
        {
            if (!await budget.TakeAsync(frameBytes, timeout, either.Token)) return ProtocolError.RequestsFull(frameBytes);
            _held = frameBytes;
            MarkProgress(receivedBytes, time.GetTimestamp());
            return null;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return null;
        }
    }

    /// <summary>Whether a frame makes no progress while others wait for memory. May be called by any thread.</summary>
    public bool IsLate(long now) => now - Volatile.Read(ref _progressAt) > _timeoutTicks && budget.HasWaiters;

    /// <summary>Ends the wait for room, because the server is stopping. The frame is not received. May be called by any thread.</summary>
    public void Stop() => _stop.Cancel();

    /// <inheritdoc/>
    public void Dispose()
    {
        Release();
        _stop.Dispose();
    }

    private void Release()
    {
        if (_held == 0) return;
        Volatile.Write(ref _progressAt, long.MaxValue);
        budget.Return(_held);
        _held = 0;
    }

    private void MarkProgress(long receivedBytes, long now)
    {
        _bytesAtProgress = receivedBytes;
        Volatile.Write(ref _progressAt, now);
    }
}
