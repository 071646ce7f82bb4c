namespace KestrelKv.Json;

/// <summary>What a value may become by a change of a part of it, and what a batch may read.</summary>
/// <param name="BytesMax">How long its text may be, in bytes.</param>
/// <param name="DepthMax">How deep arrays and objects may be nested in it.</param>
public readonly record struct DocumentLimits(int BytesMax, int DepthMax)
{
    /// <summary>What the values that one atomic batch reads may come to together, in bytes.</summary>
    public long ReadBytesMax { get; init; } = 1L << 30;

    /// <summary>1 GiB, and 1,024 levels.</summary>
    public static DocumentLimits Default { get; } = new(1 << 30, 1_024);
}
