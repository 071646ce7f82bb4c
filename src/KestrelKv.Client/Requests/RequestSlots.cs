using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace KestrelKv.Client.Requests;

/// <summary>
/// The request ids of a client. A write takes a slot, whose id no other concurrent write uses, and raises the slot's sequence number. The
/// server keeps the last outcome of each slot. The design is that of the session slots of NFSv4.1 (RFC 8881, section 2.10.6).
/// </summary>
/// <remarks>
/// A slot may be reused as soon as its call has ended, even with an unknown outcome: the server refuses a late request whose sequence
/// number is lower than that of the slot. The number of slots is that of the writes that were in progress at once. Thread-safe.
/// </remarks>
internal sealed class RequestSlots
{
    private readonly Lock _lock = new();
    private readonly Stack<RequestSlot> _free = new();
    private readonly string _session = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(16));
    private int _count;

    public RequestSlot Take()
    {
        lock (_lock)
        {
            return _free.TryPop(out RequestSlot slot)
                ? slot.Next()
                : new(Encoding.ASCII.GetBytes($"{_session}.{++_count}"), 1);
        }
    }

    public void Return(in RequestSlot slot)
    {
        if (slot.IsNone) return;
        lock (_lock) _free.Push(slot);
    }
}

/// <summary>A request id and its sequence number. The default value is none.</summary>
internal readonly struct RequestSlot(byte[] id, long sequence)
{
    private readonly byte[]? _id = id;

    public bool IsNone => _id is null;

    public ReadOnlySpan<byte> Id => _id;

    public long Sequence => sequence;

    public RequestSlot Next() => new(_id!, sequence + 1);
}
