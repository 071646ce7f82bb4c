using System.Buffers;

namespace KestrelKv.Storage.Documents;

/// <summary>Changes parts of documents; whatever is not changed keeps its bytes.</summary>
internal static class DocumentEdit
{
    /// <summary>What a document becomes by an operation on a part of it: a put with a path, a patch, or an increment.</summary>
    /// <param name="operation">The operation; its key, preconditions and expiry are the caller's business.</param>
    /// <param name="exists">Whether there is an entry.</param>
    /// <param name="document">Its value.</param>
    /// <param name="limits">What the document may become.</param>
    /// <param name="result">Where the new document is written; it may have something of a refused one.</param>
    public static EditResult Apply(
        in Operation operation, bool exists, ReadOnlySpan<byte> document, DocumentLimits limits, ArrayBufferWriter<byte> result)
    {
        ReadOnlySpan<byte> value = operation.Value.Span, path = operation.Path.Span;
        return operation.Kind switch
        {
            OperationKind.MergePatch => MergeEdit.Apply(exists ? document : default, value, limits, result),
            OperationKind.Put when path.IsEmpty => Replace(value, limits, result),
            OperationKind.Put when exists => PutEdit.Apply(document, path, value, limits, result),
            OperationKind.JsonPatch when exists => PatchEdit.Apply(document, value, limits, result),
            OperationKind.Increment when exists => IncrementEdit.Apply(document, path, value, limits, result),
            OperationKind.Increment => IncrementEdit.Create(path, value, limits, result),
            OperationKind.Put or OperationKind.JsonPatch => new EditResult(ResultStatus.PathNotFound, "there is no entry"),
            _ => throw new ArgumentOutOfRangeException(nameof(operation), operation.Kind, "It changes no part of a value."),
        };
    }

    private static EditResult Replace(ReadOnlySpan<byte> value, DocumentLimits limits, ArrayBufferWriter<byte> result)
    {
        var text = new EditedText(result, limits);
        text.Start(default, value.Length);
        return new EditResult(text.TrySplice(0, 0, default, value, default) ? text.Finish() : ResultStatus.ValueTooLong);
    }
}

/// <summary>How an edit ended.</summary>
/// <param name="Status"><see cref="ResultStatus.Done"/>, or why it can't be done.</param>
/// <param name="Detail">For a person: what was refused, and why; null where the status says all.</param>
/// <param name="PartStart">Where the sum of an <see cref="OperationKind.Increment"/> begins in the new document.</param>
/// <param name="PartBytes">How long it is.</param>
/// <param name="PatchedBytes">How many bytes the operations of a patch have gone over.</param>
internal readonly record struct EditResult(
    ResultStatus Status, string? Detail = null, int PartStart = 0, int PartBytes = 0, long PatchedBytes = 0)
{
    /// <summary>
    /// How many bytes of values all operations of a patch may go over together, and those of all patches of a batch: 256 MiB, some
    /// tenths of a second in which nobody else gets at the entries beside them.
    /// </summary>
    public const long PatchedBytesMax = 256 * 1024 * 1024;
}
