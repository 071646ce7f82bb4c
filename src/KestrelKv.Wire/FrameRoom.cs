using System.Buffers;
using KestrelKv.Protocol;

namespace KestrelKv.Wire;

/// <summary>The part of <see cref="WireOptions.RequestBytesTotalMax"/> that one connection holds for a large frame that is arriving.</summary>
/// <remarks>
/// A frame's whole length is taken at once, when its header has arrived, and returned when the frame has been executed. So no two
/// connections hold a part each and wait for the other's.
/// </remarks>
public sealed class FrameRoom(ByteBudget budget, int frameBytesMax, TimeSpan patience, TimeProvider time) : IDisposable
{
    /// <summary>Requests of up to so many bytes do not count.</summary>
    public const int SmallBytesMax = 64 * 1024;

    /// <summary>While others wait, a request must bring so many bytes within <see cref="WireOptions.WriteTimeout"/>.</summary>
    public const int ProgressBytesMin = 64 * 1024;

    private readonly long _patienceTicks = (long)(patience.TotalSeconds * time.TimestampFrequency);
    private readonly CancellationTokenSource _stop = new();
    private long _held;
    private long _bytesAtProgress;
    private long _progressAt = long.MaxValue;

    /// <summary>The length of a large frame that <paramref name="rest"/> begins with and that is not whole yet; 0 if there is none.</summary>
    public long LengthOf(in ReadOnlySequence<byte> rest)
    {
        if (rest.Length < FrameReader.HeaderBytes) return 0;
        long length = FrameReader.LengthOf(rest);
        return length > SmallBytesMax && length <= frameBytesMax ? length : 0;
    }

    /// <summary>Whether the frame at the front of a buffer is whole, or has an invalid length.</summary>
    public static bool IsWhole(in ReadOnlySequence<byte> buffer) => buffer.Length - FrameReader.HeaderBytes >= FrameReader.LengthOf(buffer);

    /// <summary>Holds room for a frame of a length, 0 for none, and no other. False if it is not left.</summary>
    /// <param name="frameBytes">The length.</param>
    /// <param name="receivedBytes">How much of the frame has arrived.</param>
    /// <param name="now">The timestamp at which it had.</param>
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
    /// <returns>Why there is none; null if there is, or if the server stops.</returns>
    public async ValueTask<ProtocolError?> WaitAsync(long frameBytes, long receivedBytes, CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stop.Token);
        try
        {
            if (!await budget.TakeAsync(frameBytes, patience, either.Token)) return ProtocolError.RequestsFull(frameBytes);
            _held = frameBytes;
            MarkProgress(receivedBytes, time.GetTimestamp());
            return null;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return null;
        }
    }

    /// <summary>Whether a frame holds up others and does not arrive. May be called by any thread.</summary>
    public bool IsLate(long now) => now - Volatile.Read(ref _progressAt) > _patienceTicks && budget.IsWaitedFor;

    /// <summary>The server stops: a frame that waits for room is not received any more. May be called by any thread.</summary>
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
