namespace KestrelKv.Json;

/// <summary>A part of a document, and the parts of a patch that replace it.</summary>
/// <param name="Start">Where the part begins.</param>
/// <param name="End">Where it ends.</param>
internal readonly record struct Splice(int Start, int End) : IComparable<Splice>
{
    /// <summary>The order of insertions at the same place.</summary>
    public int Order { get; init; }

    /// <summary>Whether a comma comes first.</summary>
    public bool Comma { get; init; }

    /// <summary>The name in the patch with its quotes, which is put in with a colon; empty for none.</summary>
    public (int Start, int End) Name { get; init; }

    /// <summary>The value in the patch; empty for none.</summary>
    public (int Start, int End) Value { get; init; }

    public int CompareTo(Splice other) => Start != other.Start ? Start.CompareTo(other.Start) : Order.CompareTo(other.Order);
}
