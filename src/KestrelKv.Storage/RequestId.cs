namespace KestrelKv.Storage;

/// <summary>The id of a request, which makes its retries safe. The default is none.</summary>
public readonly record struct RequestId
{
    /// <summary>The maximum length of an id, in bytes.</summary>
    public const int BytesMax = 256;

    /// <summary>Creates an id.</summary>
    /// <param name="bytes">At most <see cref="BytesMax"/> bytes; empty for none.</param>
    /// <exception cref="ArgumentOutOfRangeException">The id is too long.</exception>
    public RequestId(ReadOnlyMemory<byte> bytes)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes.Length, BytesMax, nameof(bytes));
        Bytes = bytes;
    }

    /// <summary>The id.</summary>
    public ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>Whether there is no id.</summary>
    public bool IsEmpty => Bytes.IsEmpty;
}
