using KestrelKv.Json;

namespace KestrelKv.Storage;

/// <summary>Converts operations that change part of a value to puts of whole values. Pure functions of their arguments.</summary>
internal static class Edits
{
    /// <summary>
    /// Converts an edit (<see cref="Operation.IsEdit"/>) to a put of the whole value with its expiry. The put is valid if the status is
    /// <see cref="EditStatus.Done"/>. Its value is in <paramref name="text"/>, which must be empty before.
    /// </summary>
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

    /// <summary>
    /// Applies a put with a path, a patch, or an increment to a value. Key, precondition and expiry are ignored. A refused edit may leave
    /// text in the unused capacity of <paramref name="result"/>.
    /// </summary>
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
            _ => throw new ArgumentOutOfRangeException(
                nameof(operation), operation.Kind, "The operation must be a put with a path, a merge patch, a JSON patch or an increment."),
        };
    }

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
