using KestrelKv.Json;

namespace KestrelKv.Storage;

/// <summary>Turns operations that change a part of a value into puts of whole values. They read nothing but their arguments.</summary>
internal static class Edits
{
    /// <summary>Turns an edit (<see cref="Operation.IsEdit"/>) into the put of a whole value with its expiry.</summary>
    /// <param name="edit">The edit.</param>
    /// <param name="exists">Whether the key has an entry.</param>
    /// <param name="value">The entry's value.</param>
    /// <param name="expiresAt">The entry's expiry.</param>
    /// <param name="limits">The limits of the new value.</param>
    /// <param name="text">An empty buffer, which receives the new value.</param>
    /// <param name="put">The put, whose value lies in <paramref name="text"/>; only if the status is <see cref="EditStatus.Done"/>.</param>
    public static EditResult Resolve(
        in Operation edit, bool exists, ReadOnlySpan<byte> value, long expiresAt, DocumentLimits limits, EditBuffer text,
        out Operation put)
    {
        EditResult result = Apply(edit, exists, value, limits, text);
        put = result.Status == EditStatus.Done
            ? Operation.Put(edit.Key, text.WrittenMemory, edit.KeepsExpiry ? expiresAt : edit.ExpiresAt) with
            {
                ReturnsOld = edit.ReturnsOld, AcknowledgeFromMemory = edit.AcknowledgeFromMemory,
            }
            : default;
        return result;
    }

    /// <summary>Applies a put with a path, a patch, or an increment to a value.</summary>
    /// <param name="operation">The operation. Its key, precondition and expiry have no effect here.</param>
    /// <param name="exists">Whether there is an entry.</param>
    /// <param name="document">The entry's value.</param>
    /// <param name="limits">The limits of the new value.</param>
    /// <param name="result">Receives the new value; a refused one may leave text in its free room.</param>
    public static EditResult Apply(
        in Operation operation, bool exists, ReadOnlySpan<byte> document, DocumentLimits limits, EditBuffer result)
    {
        ReadOnlySpan<byte> value = operation.Value.Span, path = operation.Path.Span;
        if (!exists) document = default;
        return operation.Kind switch
        {
            OperationKind.MergePatch => DocumentEdit.Merge(document, value, limits, result),
            OperationKind.Increment => DocumentEdit.Increment(document, path, value, limits, result),
            OperationKind.JsonPatch => DocumentEdit.Patch(document, value, limits, result),
            OperationKind.Put => DocumentEdit.Put(document, path, value, limits, result),
            _ => throw new ArgumentOutOfRangeException(nameof(operation), operation.Kind, "It changes no part of a value."),
        };
    }

    /// <summary>The status that the store reports for an edit's.</summary>
    public static ResultStatus ToResult(this EditStatus status) => status switch
    {
        EditStatus.Done => ResultStatus.Done,
        EditStatus.PathNotFound => ResultStatus.PathNotFound,
        EditStatus.NotANumber => ResultStatus.NotANumber,
        EditStatus.NumberOverflow => ResultStatus.NumberOverflow,
        EditStatus.TestFailed => ResultStatus.TestFailed,
        EditStatus.ValueTooLong => ResultStatus.ValueTooLong,
        EditStatus.TooDeep => ResultStatus.TooDeep,
        EditStatus.PatchTooLong => ResultStatus.PatchTooLong,
        _ => throw new ArgumentOutOfRangeException(nameof(status), status, null),
    };
}
