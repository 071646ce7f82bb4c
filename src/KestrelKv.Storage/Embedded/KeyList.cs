using System.Buffers;

namespace KestrelKv.Storage.Embedded;

/// <summary>Copies of keys, concatenated in one pooled array.</summary>
internal sealed class KeyList(int capacity) : IDisposable
{
    private const int BytesMin = 4_096;

    private readonly List<int> _ends = new(capacity);
    private byte[] _bytes = ArrayPool<byte>.Shared.Rent(BytesMin);

    public int Count => _ends.Count;

    /// <summary>Returns a key. Valid until a key is added or the list is cleared.</summary>
    public ReadOnlySpan<byte> this[int index] => _bytes.AsSpan(StartOf(index).._ends[index]);

    public void Add(ReadOnlySpan<byte> key)
    {
        int start = StartOf(Count), end = checked(start + key.Length);
        if (end > _bytes.Length) Grow(start, end);
        key.CopyTo(_bytes.AsSpan(start));
        _ends.Add(end);
    }

    public void Clear() => _ends.Clear();

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = [];
        _ends.Clear();
    }

    private int StartOf(int index) => index == 0 ? 0 : _ends[index - 1];

    private void Grow(int used, int needed)
    {
        byte[] larger = ArrayPool<byte>.Shared.Rent((int)Math.Clamp(_bytes.Length * 2L, needed, Array.MaxLength));
        _bytes.AsSpan(0, used).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = larger;
    }
}
