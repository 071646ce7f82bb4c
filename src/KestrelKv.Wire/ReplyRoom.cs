using KestrelKv.Protocol;

namespace KestrelKv.Wire;

/// <summary>Decides, for one connection, whether a request whose reply may be large can be executed.</summary>
/// <remarks>
/// The replies of all connections share <see cref="WireOptions.ReplyBytesTotalMax"/>. A request with an effect must be answered once it is
/// executed, so the maximum memory of its reply is reserved first. A GET has no effect. The size of its value is known during the
/// execution, and it is executed again once there is room. Small replies need no room.
/// </remarks>
/// <param name="budget">The memory that all replies share.</param>
/// <param name="limits">The limits of single replies.</param>
public sealed class ReplyRoom(ByteBudget budget, RequestLimits limits)
{
    /// <summary>The largest reservation is the budget divided by this, so one reply can be reserved while others are unread.</summary>
    private const int ReservedPart = 4;

    private long _reserved;

    /// <summary>The memory that all replies share.</summary>
    public ByteBudget Budget => budget;

    /// <summary>The size of the last reply that found no room, for <see cref="WaitAsync"/>; 0 if there is none.</summary>
    public long Needed { get; private set; }

    /// <summary>Reserves the memory that the reply to a request may need. Returns false if it is not available.</summary>
    public bool TryReserveFor(in Request request) => BytesMax(request) is var bytes && (bytes == 0 || TryReserve(bytes));

    /// <summary>Reserves bytes for a reply, unless bytes are already reserved. Returns false if they are not available.</summary>
    public bool TryReserve(long bytes)
    {
        if (_reserved == 0)
        {
            bytes = Math.Min(bytes, budget.BytesMax / ReservedPart);
            if (!budget.TryTake(bytes))
            {
                Needed = bytes;
                return false;
            }
            _reserved = bytes;
        }
        return true;
    }

    /// <summary>Whether a value of more than <see cref="ReplyWriter.SmallBytesMax"/> may be added to the replies.</summary>
    public bool HasRoomFor(int valueBytes)
    {
        if (_reserved > 0 || !budget.IsExhausted) return true;
        Needed = valueBytes;
        return false;
    }

    /// <summary>Waits until <see cref="Needed"/> bytes are reserved. The connection must not hold replies meanwhile.</summary>
    /// <returns>False if they were not available within <paramref name="timeout"/>.</returns>
    public async ValueTask<bool> WaitAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        (long bytes, Needed) = (Needed, 0);
        if (!await budget.TakeAsync(bytes, timeout, cancellationToken)) return false;
        _reserved = bytes;
        return true;
    }

    /// <summary>Ends the reservation. The written reply counts with its own bytes.</summary>
    public void Release()
    {
        if (_reserved == 0) return;
        budget.Return(_reserved);
        _reserved = 0;
    }

    /// <summary>Returns the maximum size of a reply; 0 if it is never large, and for a GET.</summary>
    private long BytesMax(in Request request) => request.Function switch
    {
        Function.Mget or Function.Batch => limits.ReadBytesMax,
        Function.Scan when request.Options!.Values => ScanPage.BytesMax + limits.FrameBytesMax,

        // Up to 1,000 keys of up to 4,096 bytes by default, which JSON escapes make up to six times as long.
        Function.Scan when !request.Options!.CountOnly => ScanPage.BytesMax + (6L * limits.KeyBytesMax),
        Function.Watch => ChangesText.BytesMax,
        _ => request.Options is { ReturnsOld: true } ? limits.FrameBytesMax : 0,
    };
}
