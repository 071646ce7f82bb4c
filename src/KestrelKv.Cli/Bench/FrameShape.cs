using System.Text;
using KestrelKv.Client;

namespace KestrelKv.Cli.Bench;

/// <summary>
/// A frame that differs only in the number of its key and in the digits of its value. All frames of a shape have the same length, so that the
/// frame of a key is one copy with a few changes.
/// </summary>
internal sealed class FrameShape
{
    private const string KeyMark = "{key}";
    private const string ValueMark = "{value}";

    private readonly byte[] _frame;
    private readonly int _keyAt;
    private readonly int _valueAt;
    private readonly BenchData _data;

    /// <param name="text">The body, with <c>{key}</c> and, if it has a value, <c>{value}</c> behind.</param>
    /// <param name="data">The keys and values.</param>
    public FrameShape(string text, BenchData data)
    {
        string body = text.Replace(KeyMark, data.KeyOf(0), StringComparison.Ordinal).Replace(ValueMark, data.ValueOf(0), StringComparison.Ordinal);
        _data = data;
        _frame = new byte[FrameHeader.Bytes + Encoding.UTF8.GetByteCount(body)];
        FrameHeader.Write(_frame, _frame.Length - FrameHeader.Bytes);
        Encoding.UTF8.GetBytes(body, _frame.AsSpan(FrameHeader.Bytes));
        _keyAt = FrameHeader.Bytes + text.IndexOf(KeyMark, StringComparison.Ordinal);
        int value = text.IndexOf(ValueMark, StringComparison.Ordinal);
        _valueAt = value < 0 ? -1 : FrameHeader.Bytes + value + data.KeyOf(0).Length - KeyMark.Length;
    }

    /// <summary>The length of each frame of the shape.</summary>
    public int Length => _frame.Length;

    /// <summary>Writes the frame of a key.</summary>
    /// <param name="to">At least <see cref="Length"/> bytes.</param>
    /// <param name="key">The number of the key.</param>
    public void Write(Span<byte> to, int key)
    {
        _frame.CopyTo(to);
        _data.WriteKeyNumber(to[_keyAt..], key);
        if (_valueAt >= 0) _data.WriteValueDigits(to[_valueAt..], key);
    }
}
