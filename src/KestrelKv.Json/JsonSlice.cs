namespace KestrelKv.Json;

/// <summary>Where in a text something stands: half as large as a slice of it, and no reference.</summary>
/// <param name="Start">The index of its first byte.</param>
/// <param name="Length">How many bytes it has.</param>
public readonly record struct JsonSlice(int Start, int Length)
{
    /// <summary>From one index up to another, which is not part of it.</summary>
    public static JsonSlice Between(int start, int end) => new(start, end - start);

    /// <summary>The text at the place.</summary>
    public ReadOnlyMemory<byte> Of(ReadOnlyMemory<byte> text) => text.Slice(Start, Length);
}
