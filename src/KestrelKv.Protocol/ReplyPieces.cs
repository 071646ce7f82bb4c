using System.Buffers;

namespace KestrelKv.Protocol;

/// <summary>The unsent bytes of large replies, in arrays from the shared pool.</summary>
/// <remarks>Not thread-safe. Each array is returned as soon as it is sent.</remarks>
/// <param name="budget">The budget that counts the arrays; null for none.</param>
public sealed class ReplyPieces(ByteBudget? budget) : IDisposable
{
    private const int SmallPieceBytes = 4_096;

    private readonly List<ArraySegment<byte>> _pieces = [];
    private int _sent;

    /// <summary>The number of unsent bytes.</summary>
    public long Bytes { get; private set; }

    /// <summary>The bytes to send next; empty if all are sent.</summary>
    public ReadOnlyMemory<byte> First => _sent < _pieces.Count ? _pieces[_sent] : default;

    /// <summary>Releases the memory of <see cref="First"/>, which must no longer be used.</summary>
    public void ReleaseFirst()
    {
        ArraySegment<byte> first = _pieces[_sent];
        Bytes -= first.Count;
        _pieces[_sent++] = default;
        Release(first.Array!);
        if (_sent == _pieces.Count) Reset();
    }

    /// <summary>Discards all bytes. The arrays do not return to the pool, because the transport may still send from one.</summary>
    public void Dispose()
    {
        foreach (ArraySegment<byte> piece in _pieces) budget?.Return(piece.Array?.Length ?? 0);
        Bytes = 0;
        Reset();
    }

    internal void Write(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            Span<byte> free = Room(bytes.Length);
            int count = Math.Min(free.Length, bytes.Length);
            bytes[..count].CopyTo(free);
            ArraySegment<byte> last = _pieces[^1];
            _pieces[^1] = new(last.Array!, 0, last.Count + count);
            Bytes += count;
            bytes = bytes[count..];
        }
    }

    /// <summary>Takes ownership of the pieces of a text.</summary>
    internal void Take(TextBuffer text)
    {
        Bytes += text.Length;

        // Counted before the text's own count ends, so that no other caller can take these bytes of the budget.
        budget?.Take(text.ArrayBytes);
        text.MoveTo(_pieces);
    }

    internal void Retract(long bytes)
    {
        Bytes -= bytes;
        while (bytes > 0)
        {
            ArraySegment<byte> last = _pieces[^1];
            if (last.Count > bytes)
            {
                _pieces[^1] = last[..(int)(last.Count - bytes)];
                return;
            }
            bytes -= last.Count;
            _pieces.RemoveAt(_pieces.Count - 1);
            Release(last.Array!);
        }
    }

    private Span<byte> Room(int bytes)
    {
        if (_sent < _pieces.Count && _pieces[^1] is { Array: { } array, Count: var used } && used < array.Length) return array.AsSpan(used);
        byte[] next = ArrayPool<byte>.Shared.Rent(bytes > SmallPieceBytes ? TextBuffer.PieceBytes : SmallPieceBytes);
        budget?.Take(next.Length);
        _pieces.Add(new(next, 0, 0));
        return next;
    }

    private void Release(byte[] array)
    {
        ArrayPool<byte>.Shared.Return(array);
        budget?.Return(array.Length);
    }

    private void Reset()
    {
        _pieces.Clear();
        if (_pieces.Capacity > 64) _pieces.Capacity = 0;
        _sent = 0;
    }
}
