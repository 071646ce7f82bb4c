using System.Globalization;

namespace KestrelKv.Benchmarks.Loads;

/// <summary>Puts parts of a request one behind the other.</summary>
internal ref struct ByteWriter(Span<byte> output, int start = 0)
{
    private readonly Span<byte> _output = output;

    public int Count { get; private set; } = start;

    public void Write(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(_output[Count..]);
        Count += bytes.Length;
    }

    /// <summary>Writes a number in decimal.</summary>
    public void Write(int number)
    {
        number.TryFormat(_output[Count..], out int digits, provider: CultureInfo.InvariantCulture);
        Count += digits;
    }
}
