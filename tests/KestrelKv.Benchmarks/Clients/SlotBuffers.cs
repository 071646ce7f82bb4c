using System.Buffers;

namespace KestrelKv.Benchmarks.Clients;

/// <summary>One reusable buffer for each call in flight.</summary>
internal sealed class SlotBuffers
{
    private readonly ArrayBufferWriter<byte>?[] _buffers = new ArrayBufferWriter<byte>[ICallUnderTest.SlotsMax];

    /// <summary>Returns the buffer of a slot, emptied.</summary>
    public ArrayBufferWriter<byte> Take(int slot)
    {
        ArrayBufferWriter<byte> buffer = _buffers[slot] ??= new();
        buffer.ResetWrittenCount();
        return buffer;
    }

    public ReadOnlySpan<byte> Written(int slot) => _buffers[slot]!.WrittenSpan;
}
