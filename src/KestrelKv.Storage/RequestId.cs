namespace KestrelKv.Storage;

/// <summary>The id of a request, which makes its retries safe. The default is none.</summary>
/// <remarks>
/// With a sequence, an id is a slot that a client reuses, as in the sessions of NFS 4.1 (RFC 8881, section 2.10.6): a request with a
/// higher sequence than the last one is executed and replaces its record, an equal one is a retry, and a lower one is refused. A client
/// then has one record per slot, however many requests it sends.
/// </remarks>
public readonly record struct RequestId
{
    /// <summary>The maximum length of an id, in bytes.</summary>
    public const int BytesMax = 256;

    /// <summary>Creates an id.</summary>
    /// <param name="bytes">At most <see cref="BytesMax"/> bytes; empty for none.</param>
    /// <param name="sequence">The sequence, 1 or more; 0 for none, which is lower than any other.</param>
    /// <exception cref="ArgumentOutOfRangeException">The id is too long, or the sequence is negative.</exception>
    public RequestId(ReadOnlyMemory<byte> bytes, long sequence = 0)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes.Length, BytesMax, nameof(bytes));
        ArgumentOutOfRangeException.ThrowIfNegative(sequence);
        (Bytes, Sequence) = (bytes, sequence);
    }

    /// <summary>The id.</summary>
    public ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>The sequence; 0 for none.</summary>
    public long Sequence { get; }

    /// <summary>Whether there is no id.</summary>
    public bool IsEmpty => Bytes.IsEmpty;
}
