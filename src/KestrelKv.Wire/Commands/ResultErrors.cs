using System.Diagnostics;
using KestrelKv.Protocol;
using KestrelKv.Storage;

namespace KestrelKv.Wire;

/// <summary>The errors of operations that were not done.</summary>
internal static class ResultErrors
{
    /// <summary>Why an operation was refused; null where it was done, or found nothing, which is a result as well.</summary>
    /// <param name="kind">The operation's kind.</param>
    /// <param name="result">Its result.</param>
    public static ProtocolError? Find(OperationKind kind, in OperationResult result) => result.Status switch
    {
        ResultStatus.Done => null,
        ResultStatus.NotFound when kind is OperationKind.Get or OperationKind.Delete or OperationKind.Expire => null,
        ResultStatus.PathNotFound when kind == OperationKind.Get => null,
        ResultStatus.MemoryFull => result.Detail is { } detail ? ProtocolError.MemoryFull with { Message = detail } : ProtocolError.MemoryFull,
        ResultStatus.DiskFull => ProtocolError.DiskFull,
        ResultStatus.DiskFailed => ProtocolError.DiskFailed,
        ResultStatus.PreconditionFailed => ProtocolError.PreconditionFailed(result.Version),
        ResultStatus.NotFound or ResultStatus.PathNotFound when result.Version == 0 =>
            new(ErrorCode.NotFound, "there is no such key, and so nothing to change a part of") { Version = 0 },
        ResultStatus.PathNotFound or ResultStatus.NotFound =>
            new(ErrorCode.PathNotFound, result.Detail ?? "there is nothing in the value at this path"),
        ResultStatus.NotANumber => new(ErrorCode.NotANumber, result.Detail ?? "what is to be added to is no number"),
        ResultStatus.NumberOverflow => new(ErrorCode.NumberOverflow, result.Detail ?? "the sum can't be given exactly"),
        ResultStatus.TestFailed => new(ErrorCode.TestFailed, result.Detail ?? "a test of the patch does not hold"),
        ResultStatus.ValueTooLong =>
            new(ErrorCode.ValueTooLong, result.Detail ?? "the value would become longer than it may be (Limits:FrameBytesMax)"),
        ResultStatus.TooDeep =>
            new(ErrorCode.TooDeep, result.Detail ?? "the value would become nested deeper than it may be (Limits:JsonDepthMax)"),
        ResultStatus.PatchTooLong => new(ErrorCode.PatchTooLong, result.Detail ?? "the patch has too many operations for so long a value"),
        ResultStatus.RequestIdReused =>
            new(ErrorCode.RequestIdReused, "the request id was used for another write shortly before (Store:RequestIdWindow)"),
        ResultStatus.Conflict => new(
            ErrorCode.Conflict,
            result.Detail ?? "other requests changed the entries while this request was being processed; nothing was changed, send the request again"),
        _ => throw new UnreachableException($"An operation ended with {result.Status}."),
    };
}
