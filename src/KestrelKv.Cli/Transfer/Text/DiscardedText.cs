using System.Buffers;

namespace KestrelKv.Cli.Transfer.Text;

/// <summary>Receives a response that is not needed.</summary>
internal sealed class DiscardedText : IBufferWriter<byte>
{
    private byte[] _array = new byte[4 * 1024];

    public void Advance(int count)
    {
    }

    public Memory<byte> GetMemory(int sizeHint = 0) => sizeHint <= _array.Length ? _array : _array = new byte[sizeHint];

    public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;
}
