namespace KestrelKv.Benchmarks.Loads;

/// <summary>How a server is asked, and what it has to answer. All servers get the same requests, each in its protocol.</summary>
internal interface ILoadProtocol
{
    /// <summary>Bytes that a request, or its reply, has at the most beyond key and value.</summary>
    int OverheadBytesMax { get; }

    /// <summary>Writes a request for the value of a key.</summary>
    /// <returns>Its bytes.</returns>
    int WriteGet(Span<byte> output, ReadOnlySpan<byte> key);

    /// <summary>Writes a request to set the value of a key.</summary>
    /// <returns>Its bytes.</returns>
    int WritePut(Span<byte> output, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value);

    /// <summary>Takes the reply to a get of a key that has a value of so many bytes.</summary>
    /// <returns>The bytes of the reply; 0 where they are not all there yet.</returns>
    /// <exception cref="InvalidDataException">It is another reply.</exception>
    int TakeGet(ReadOnlySpan<byte> replies, ReadOnlySpan<byte> key, int valueBytes);

    /// <summary>Takes the reply that a put is done.</summary>
    /// <inheritdoc cref="TakeGet"/>
    int TakePut(ReadOnlySpan<byte> replies, ReadOnlySpan<byte> key);

    /// <summary>Whether the beginning of a reply is that to a get, of a key that is there or not, and not an error.</summary>
    bool IsGetAnswered(ReadOnlySpan<byte> reply);
}
