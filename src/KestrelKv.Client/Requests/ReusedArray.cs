using System.Buffers;

namespace KestrelKv.Client.Requests;

/// <summary>An array for repeated use: a short one is kept, a longer one is rented from a pool until <see cref="Clear"/>. Not thread-safe.</summary>
/// <param name="isCleared">Whether the owner calls <see cref="Clear"/>. Otherwise no array is rented: the pool would not get it back.</param>
internal struct ReusedArray(bool isCleared)
{
    /// <summary>The length of the array that is kept, in bytes: the requests of short values fit. There can be thousands of idle calls.</summary>
    private const int KeptLength = 512;

    /// <summary>The longest array of the client's own pool, in bytes. The shared pool keeps only about 32 arrays of a length per processor.</summary>
    private const int PooledLengthMax = 64 * 1024;

    private static readonly ArrayPool<byte> Pool = ArrayPool<byte>.Create(PooledLengthMax, maxArraysPerBucket: 256);

    private byte[]? _kept;
    private byte[]? _current;

    /// <summary>The array; empty before the first use.</summary>
    public readonly byte[] Array => _current ?? [];

    /// <summary>Replaces the array by a longer one if it is too short, and copies the first <paramref name="used"/> bytes.</summary>
    public void EnsureLength(int length, int used = 0)
    {
        byte[] before = Array;
        if (before.Length >= length) return;
        if (length <= KeptLength)
        {
            _current = _kept = new byte[KeptLength];
            return;
        }
        int rented = (int)Math.Min(System.Array.MaxLength, Math.Max(length, 2L * before.Length));
        byte[] longer = isCleared ? PoolOf(rented).Rent(rented) : new byte[rented];
        before.AsSpan(0, used).CopyTo(longer);
        Clear();
        _current = longer;
        if (!isCleared) _kept = longer;
    }

    /// <summary>Ends a use. The contents are lost.</summary>
    public void Clear()
    {
        if (_current != _kept) PoolOf(_current!.Length).Return(_current);
        _current = _kept;
    }

    private static ArrayPool<byte> PoolOf(int length) => length <= PooledLengthMax ? Pool : ArrayPool<byte>.Shared;
}
