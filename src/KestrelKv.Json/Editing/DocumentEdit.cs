namespace KestrelKv.Json;

/// <summary>Edits JSON documents. Unchanged text keeps its bytes.</summary>
/// <remarks>
/// <para>
/// Every edit is a pure function of its arguments, and writes only its result. The document may be a copy, so that no lock is held
/// during the edit.
/// </para>
/// <para>
/// Documents and values must be valid JSON, and paths valid pointers. An empty document represents a missing key. Unless the status is
/// <see cref="EditStatus.Done"/>, the content of the result is undefined.
/// </para>
/// </remarks>
public static class DocumentEdit
{
    private static EditResult NoDocument => new(EditStatus.PathNotFound, "the key does not exist");

    /// <summary>Sets the member or element at a path, or with an empty path the whole document.</summary>
    /// <remarks>Takes time linear in document, path and value.</remarks>
    public static EditResult Put(
        ReadOnlySpan<byte> document, ReadOnlySpan<byte> path, ReadOnlySpan<byte> value, DocumentLimits limits,
        EditBuffer result) =>
        path.IsEmpty ? PutEdit.Replace(value, limits, result)
        : document.IsEmpty ? NoDocument
        : PutEdit.Apply(document, path, value, limits, result);

    /// <summary>Applies a JSON Merge Patch (RFC 7396).</summary>
    /// <remarks>Takes time linear in document and patch, and O(n log n) in the number of changes.</remarks>
    public static EditResult Merge(
        ReadOnlySpan<byte> document, ReadOnlySpan<byte> patch, DocumentLimits limits, EditBuffer result) =>
        MergeEdit.Apply(document, patch, limits, result);

    /// <summary>Applies a JSON Patch (RFC 6902) that <see cref="JsonPatch.Check"/> accepts.</summary>
    /// <remarks>Each operation takes time linear in the document, up to <see cref="EditResult.PatchedBytesMax"/> in total.</remarks>
    public static EditResult Patch(
        ReadOnlySpan<byte> document, ReadOnlySpan<byte> patch, DocumentLimits limits, EditBuffer result) =>
        document.IsEmpty ? NoDocument : PatchEdit.Apply(document, patch, limits, result);

    /// <summary>Adds a number to the one at a path, and creates a missing path.</summary>
    /// <remarks>Takes time linear in document, path and number.</remarks>
    public static EditResult Increment(
        ReadOnlySpan<byte> document, ReadOnlySpan<byte> path, ReadOnlySpan<byte> delta, DocumentLimits limits,
        EditBuffer result) =>
        document.IsEmpty
            ? IncrementEdit.Create(path, delta, limits, result)
            : IncrementEdit.Apply(document, path, delta, limits, result);
}
