using System.Globalization;
using System.Text;

namespace KestrelKv.Benchmarks.Loads;

/// <summary>
/// A message of which nothing but the key and the digits of the value differ from one time to the next: so it is written,
/// or checked, with a few copies or comparisons, and no two servers are made to wait for the same client's formatting.
/// </summary>
/// <remarks>
/// <code>
/// | head, with the key in it | digits, which may be any | tail |
/// </code>
/// One thread at a time: the key is put in the head at each use.
/// </remarks>
internal sealed class MessageShape
{
    private const string KeyMark = "{key}";
    private const string ValueMark = "{value}";
    private const string LengthMark = "{length}";
    private const int ShownBytes = 500;

    private readonly byte[] _head;
    private readonly byte[] _tail;
    private readonly int _digitBytes;

    /// <param name="text">The message, with marks where the key, the value, and the length of the value stand.</param>
    /// <param name="valueBytes">The length of a value.</param>
    /// <param name="framed">Whether it stands in a frame of KestrelKv's.</param>
    public MessageShape(string text, int valueBytes, bool framed)
    {
        (string valueHead, int digitBytes, string valueTail) = LoadData.ShapeOf(valueBytes);
        string[] parts = text
            .Replace(LengthMark, valueBytes.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
            .Replace(KeyMark, LoadData.KeyOf(0), StringComparison.Ordinal)
            .Replace(ValueMark, $"{valueHead}\0{valueTail}", StringComparison.Ordinal)
            .Split('\0');
        _digitBytes = parts.Length > 1 ? digitBytes : 0;
        _tail = parts.Length > 1 ? Encoding.ASCII.GetBytes(parts[1]) : [];
        byte[] head = Encoding.ASCII.GetBytes(parts[0]);
        _head = framed ? [.. FrameHeader.Of(head.Length + _digitBytes + _tail.Length), .. head] : head;
        KeyAt = _head.AsSpan().IndexOf(Encoding.ASCII.GetBytes(LoadData.KeyOf(0)));
    }

    /// <summary>Where the key stands; negative where there is none.</summary>
    public int KeyAt { get; }

    /// <summary>Bytes of such a message.</summary>
    public int Length => _head.Length + _digitBytes + _tail.Length;

    /// <summary>Writes a message, of <see cref="Length"/> bytes.</summary>
    /// <param name="output">Has room for it.</param>
    /// <param name="key">The number of its key.</param>
    /// <param name="digits">Where the digits of its value begin; there may be more.</param>
    public void Write(Span<byte> output, int key, ReadOnlySpan<byte> digits)
    {
        HeadOf(key).CopyTo(output);
        digits[.._digitBytes].CopyTo(output[_head.Length..]);
        _tail.CopyTo(output[(_head.Length + _digitBytes)..]);
    }

    /// <summary>Checks a part of a message: so a long one need not be kept until it is whole.</summary>
    /// <param name="received">Begins at <paramref name="position"/> of the message, and may go on behind its end.</param>
    /// <param name="key">The number of its key.</param>
    /// <param name="position">How much of it was checked already.</param>
    /// <returns>How many bytes of it there were.</returns>
    /// <exception cref="InvalidDataException">It is another message.</exception>
    public int Check(ReadOnlySpan<byte> received, int key, int position)
    {
        ReadOnlySpan<byte> part = received[..Math.Min(Length - position, received.Length)];
        if (Agrees(part, position, HeadOf(key), 0) && Agrees(part, position, _tail, _head.Length + _digitBytes)) return part.Length;
        string start = Encoding.UTF8.GetString(received[..Math.Min(received.Length, ShownBytes)]);
        throw new InvalidDataException($"not the reply expected, from its byte {position} on: {start}");
    }

    /// <summary>Whether part of a message, from a position on, has what stands at another position, as far as they meet.</summary>
    private static bool Agrees(ReadOnlySpan<byte> part, int position, ReadOnlySpan<byte> expected, int expectedPosition)
    {
        int from = Math.Max(position, expectedPosition);
        int to = Math.Min(position + part.Length, expectedPosition + expected.Length);
        return from >= to
            || part[(from - position)..(to - position)].SequenceEqual(expected[(from - expectedPosition)..(to - expectedPosition)]);
    }

    private ReadOnlySpan<byte> HeadOf(int key)
    {
        if (KeyAt >= 0) LoadData.WriteKey(key, _head.AsSpan(KeyAt));
        return _head;
    }
}
