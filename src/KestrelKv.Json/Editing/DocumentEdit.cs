namespace KestrelKv.Json;

/// <summary>Changes parts of documents. Text that an edit does not change keeps its bytes.</summary>
/// <remarks>
/// <para>
/// Every edit is a pure function: it reads nothing but its arguments and writes nothing but its result. The document may be a copy,
/// so that no lock is held meanwhile.
/// </para>
/// <para>
/// Documents and values are valid JSON, and paths are valid pointers. An empty document stands for none. The text of the result is
/// replaced if the edit is done; otherwise its content is undefined.
/// </para>
/// </remarks>
public static class DocumentEdit
{
    private static EditResult NoDocument => new(EditStatus.PathNotFound, "there is no entry");

    /// <summary>Sets the member or element at a path; with an empty path, the whole document.</summary>
    /// <remarks>The time is linear in document, path and value.</remarks>
    public static EditResult Put(
        ReadOnlySpan<byte> document, ReadOnlySpan<byte> path, ReadOnlySpan<byte> value, DocumentLimits limits,
        EditBuffer result) =>
        path.IsEmpty ? PutEdit.Replace(value, limits, result)
        : document.IsEmpty ? NoDocument
        : PutEdit.Apply(document, path, value, limits, result);

    /// <summary>Applies a JSON Merge Patch (RFC 7396).</summary>
    /// <remarks>The time is that of reading document and patch, and of sorting the changes: n log n at worst.</remarks>
    public static EditResult Merge(
        ReadOnlySpan<byte> document, ReadOnlySpan<byte> patch, DocumentLimits limits, EditBuffer result) =>
        MergeEdit.Apply(document, patch, limits, result);

    /// <summary>Applies a JSON Patch (RFC 6902), which <see cref="JsonPatch.Check"/> accepts.</summary>
    /// <remarks>The time is linear in the document for each operation, up to <see cref="EditResult.PatchedBytesMax"/> for all.</remarks>
    public static EditResult Patch(
        ReadOnlySpan<byte> document, ReadOnlySpan<byte> patch, DocumentLimits limits, EditBuffer result) =>
        document.IsEmpty ? NoDocument : PatchEdit.Apply(document, patch, limits, result);

    /// <summary>Adds a number to the one at a path, and creates what is missing of the path.</summary>
    /// <remarks>The time is linear in document, path and number.</remarks>
    public static EditResult Increment(
        ReadOnlySpan<byte> document, ReadOnlySpan<byte> path, ReadOnlySpan<byte> delta, DocumentLimits limits,
        EditBuffer result) =>
        document.IsEmpty
            ? IncrementEdit.Create(path, delta, limits, result)
            : IncrementEdit.Apply(document, path, delta, limits, result);
}
