using System.Buffers;

namespace KestrelKv.Json;

/// <summary>Changes parts of documents. Text that an edit does not change keeps its bytes.</summary>
/// <remarks>
/// Documents and values are valid JSON, and paths are valid pointers. An empty document stands for none. A refused edit may leave
/// text in the free room of the result.
/// </remarks>
public static class DocumentEdit
{
    private static EditResult NoDocument => new(EditStatus.PathNotFound, "there is no entry");

    /// <summary>Sets the member or element at a path; with an empty path, the whole document.</summary>
    public static EditResult Put(
        ReadOnlySpan<byte> document, ReadOnlySpan<byte> path, ReadOnlySpan<byte> value, DocumentLimits limits,
        ArrayBufferWriter<byte> result) =>
        path.IsEmpty ? PutEdit.Replace(value, limits, result)
        : document.IsEmpty ? NoDocument
        : PutEdit.Apply(document, path, value, limits, result);

    /// <summary>Applies a JSON Merge Patch (RFC 7396).</summary>
    public static EditResult Merge(
        ReadOnlySpan<byte> document, ReadOnlySpan<byte> patch, DocumentLimits limits, ArrayBufferWriter<byte> result) =>
        MergeEdit.Apply(document, patch, limits, result);

    /// <summary>Applies a JSON Patch (RFC 6902), which <see cref="JsonPatch.Check"/> accepts.</summary>
    public static EditResult Patch(
        ReadOnlySpan<byte> document, ReadOnlySpan<byte> patch, DocumentLimits limits, ArrayBufferWriter<byte> result) =>
        document.IsEmpty ? NoDocument : PatchEdit.Apply(document, patch, limits, result);

    /// <summary>Adds a number to the one at a path, and creates what is missing of the path.</summary>
    public static EditResult Increment(
        ReadOnlySpan<byte> document, ReadOnlySpan<byte> path, ReadOnlySpan<byte> delta, DocumentLimits limits,
        ArrayBufferWriter<byte> result) =>
        document.IsEmpty
            ? IncrementEdit.Create(path, delta, limits, result)
            : IncrementEdit.Apply(document, path, delta, limits, result);
}
