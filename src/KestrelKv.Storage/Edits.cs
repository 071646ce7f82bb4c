using System.Buffers;
using KestrelKv.Json;

namespace KestrelKv.Storage;

/// <summary>Applies the operations that change a part of a value, and translates their outcomes.</summary>
internal static class Edits
{
    /// <summary>Applies a put with a path, a patch, or an increment to a value.</summary>
    /// <param name="operation">The operation. Its key, precondition and expiry have no effect here.</param>
    /// <param name="exists">Whether there is an entry.</param>
    /// <param name="document">The entry's value.</param>
    /// <param name="limits">The limits of the new value.</param>
    /// <param name="result">Receives the new value; a refused one may leave text in its free room.</param>
    public static EditResult Apply(
        in Operation operation, bool exists, ReadOnlySpan<byte> document, DocumentLimits limits, ArrayBufferWriter<byte> result)
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
