namespace KestrelKv.Json;

/// <summary>A position and length in a text: half the size of a memory slice, and without a reference.</summary>
/// <param name="Start">The index of the first byte.</param>
/// <param name="Length">The number of bytes.</param>
public readonly record struct JsonSlice(int Start, int Length)
{
    /// <summary>Returns the slice between two indexes; the end is exclusive.</summary>
    public static JsonSlice Between(int start, int end) => new(start, end - start);

    /// <summary>Returns the sliced part of a text.</summary>
    public ReadOnlyMemory<byte> Of(ReadOnlyMemory<byte> text) => text.Slice(Start, Length);
}
