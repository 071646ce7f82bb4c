namespace KestrelKv.Json;

/// <summary>A part of a document and the parts of a patch that replace it.</summary>
/// <param name="Start">The start of the part.</param>
/// <param name="End">The end of the part.</param>
internal readonly record struct Splice(int Start, int End) : IComparable<Splice>
{
    /// <summary>The order of insertions at the same position.</summary>
    public int Order { get; init; }

    /// <summary>Whether a comma is written first.</summary>
    public bool Comma { get; init; }

    /// <summary>The name in the patch with quotes, written with a colon; empty for none.</summary>
    public (int Start, int End) Name { get; init; }

    /// <summary>The value in the patch; empty for none.</summary>
    public (int Start, int End) Value { get; init; }

    public int CompareTo(Splice other) => Start != other.Start ? Start.CompareTo(other.Start) : Order.CompareTo(other.Order);
}
