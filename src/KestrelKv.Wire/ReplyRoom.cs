using KestrelKv.Protocol;

namespace KestrelKv.Wire;

/// <summary>Decides, for one connection, whether a request may be executed whose reply may be large.</summary>
/// <remarks>
/// The replies of all connections share <see cref="WireOptions.ReplyBytesTotalMax"/>. A request that changes something must be
/// answered once it is executed, so what its reply may take is reserved before. A GET has no effect: its value's size is seen as
/// it is executed, and it is executed again once there is room. Small replies need no room.
/// </remarks>
/// <param name="budget">What the replies share.</param>
/// <param name="limits">What bounds the replies to single requests.</param>
public sealed class ReplyRoom(ByteBudget budget, RequestLimits limits)
{
    /// <summary>No reservation is larger than this part of the budget, so that one reply can be reserved while others are unread.</summary>
    private const int ReservedPart = 4;

    private long _reserved;

    /// <summary>What the replies share.</summary>
    public ByteBudget Budget => budget;

    /// <summary>The size of the reply to the last request that found no room, for <see cref="WaitAsync"/>; 0 if there is none.</summary>
    public long Needed { get; private set; }

    /// <summary>Reserves what the reply to a request may take beyond its own size. False if that is not left.</summary>
    public bool TryReserveFor(in Request request) => BytesMax(request) is var bytes && (bytes == 0 || TryReserve(bytes));

    /// <summary>Reserves bytes for a reply, unless they are reserved already. False if they are not left.</summary>
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

    /// <summary>Waits until <see cref="Needed"/> is reserved. The connection must hold no replies meanwhile.</summary>
    /// <returns>False if it was not within <paramref name="patience"/>.</returns>
    public async ValueTask<bool> WaitAsync(TimeSpan patience, CancellationToken cancellationToken)
    {
        (long bytes, Needed) = (Needed, 0);
        if (!await budget.TakeAsync(bytes, patience, cancellationToken)) return false;
        _reserved = bytes;
        return true;
    }

    /// <summary>Ends the reservation: the reply is written, and its own bytes count.</summary>
    public void Release()
    {
        if (_reserved == 0) return;
        budget.Return(_reserved);
        _reserved = 0;
    }

    /// <summary>0 for a reply that is never large, and for a GET.</summary>
    private long BytesMax(in Request request) => request.Function switch
    {
        Function.Mget or Function.Batch => limits.ReadBytesMax,
        Function.Scan when request.Options!.Values => ScanPage.BytesMax + limits.FrameBytesMax,
        Function.Watch => ChangesText.BytesMax,
        _ => request.Options is { ReturnsOld: true } ? limits.FrameBytesMax : 0,
    };
}
