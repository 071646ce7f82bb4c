namespace KestrelKv.Json;

/// <summary>The limits of edited values, and of the values that a batch reads.</summary>
/// <param name="BytesMax">The maximum length of an edited value, in bytes.</param>
/// <param name="DepthMax">The maximum nesting of arrays and objects in an edited value.</param>
public readonly record struct DocumentLimits(int BytesMax, int DepthMax)
{
    /// <summary>The maximum total length of the values that one atomic batch reads, in bytes.</summary>
    public long ReadBytesMax { get; init; } = 1L << 30;

    /// <summary>The limits 1 GiB, 1,024 levels and, for reads, 1 GiB.</summary>
    public static DocumentLimits Default { get; } = new(1 << 30, 1_024);
}
