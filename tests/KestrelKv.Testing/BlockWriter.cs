using System.Buffers;

namespace KestrelKv.Testing;

/// <summary>An output that returns blocks of a fixed size, whatever the size hint, and checks their use.</summary>
public sealed class BlockWriter(int blockBytes) : IBufferWriter<byte>
{
    private readonly List<byte> _written = [];
    private byte[] _block = [];

    public byte[] Written => [.. _written];

    public int Advances { get; private set; }

    public void Advance(int count)
    {
        Assert.InRange(count, 1, _block.Length);
        _written.AddRange(_block.AsSpan(0, count));
        _block = [];
        Advances++;
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        // Overwritten, so that a caller that still refers to the earlier block is noticed.
        _block.AsSpan().Fill(0xEE);
        return _block = new byte[blockBytes];
    }

    public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;
}
