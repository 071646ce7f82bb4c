using System.Globalization;
using System.Text;

namespace KestrelKv.Benchmarks.Loads;

/// <summary>
/// A message in which only the key and the digits of the value vary. Writing or checking it takes a few copies or comparisons, so the
/// cost of formatting is small and equal for all servers.
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

    /// <param name="text">The message, with marks for the key, the value, and the length of the value.</param>
    /// <param name="valueBytes">The length of a value.</param>
    /// <param name="framed">Whether the message has a <see cref="FrameHeader"/>.</param>
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

    /// <summary>The offset of the key; negative if the message has none.</summary>
    public int KeyAt { get; }

    public int Length => _head.Length + _digitBytes + _tail.Length;

    /// <summary>Writes a message of <see cref="Length"/> bytes. There may be more <paramref name="digits"/> than it needs.</summary>
    public void Write(Span<byte> output, int key, ReadOnlySpan<byte> digits)
    {
        HeadOf(key).CopyTo(output);
        digits[.._digitBytes].CopyTo(output[_head.Length..]);
        _tail.CopyTo(output[(_head.Length + _digitBytes)..]);
    }

    /// <summary>Checks a part of a message, so that a long one need not be buffered.</summary>
    /// <param name="received">The message from <paramref name="position"/> on, possibly followed by other bytes.</param>
    /// <param name="key">The number of the key.</param>
    /// <param name="position">The number of bytes already checked.</param>
    /// <returns>The number of bytes that belong to the message.</returns>
    /// <exception cref="InvalidDataException">The bytes differ from the message.</exception>
    public int Check(ReadOnlySpan<byte> received, int key, int position)
    {
        ReadOnlySpan<byte> part = received[..Math.Min(Length - position, received.Length)];
        if (Agrees(part, position, HeadOf(key), 0) && Agrees(part, position, _tail, _head.Length + _digitBytes)) return part.Length;
        string start = Encoding.UTF8.GetString(received[..Math.Min(received.Length, ShownBytes)]);
        throw new InvalidDataException($"unexpected reply, from byte {position} on: {start}");
    }

    /// <summary>Whether two parts of a message, each at its position, agree where they overlap.</summary>
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
