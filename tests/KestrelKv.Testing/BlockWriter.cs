using System.Buffers;

namespace KestrelKv.Testing;

/// <summary>An output that gives blocks of a fixed size, whatever is asked for, and checks how they are used.</summary>
public sealed class BlockWriter(int blockBytes) : IBufferWriter<byte>
{
    private readonly List<byte> _written = [];
    private byte[] _block = [];

    /// <summary>What was handed over so far.</summary>
    public byte[] Written => [.. _written];

    /// <summary>How often something was handed over.</summary>
    public int Advances { get; private set; }

    /// <inheritdoc/>
    public void Advance(int count)
    {
        Assert.InRange(count, 1, _block.Length);
        _written.AddRange(_block.AsSpan(0, count));
        _block = [];
        Advances++;
    }

    /// <inheritdoc/>
    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        // A used block that comes back shows what is read from it after it was handed over.
        _block.AsSpan().Fill(0xEE);
        return _block = new byte[blockBytes];
    }

    /// <inheritdoc/>
    public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;
}
