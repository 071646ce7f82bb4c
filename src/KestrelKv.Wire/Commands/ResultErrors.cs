using System.Diagnostics;
using KestrelKv.Protocol;
using KestrelKv.Storage;

namespace KestrelKv.Wire;

/// <summary>Maps results of refused operations to errors.</summary>
internal static class ResultErrors
{
    /// <summary>Returns the error of a request whose store call has failed.</summary>
    /// <param name="failure">The failure.</param>
    /// <param name="function">The function of the request. A read has no outcome that could be unknown.</param>
    public static ProtocolError Of(StoreFailureException failure, Function function) => failure switch
    {
        DurabilityLostException => ProtocolError.DiskFailed,
        OutcomeUnknownException when function is not (Function.Get or Function.Mget or Function.Scan) => new(ErrorCode.OutcomeUnknown, failure.Message),
        _ => new(ErrorCode.Unavailable, failure.Message),
    };

    /// <summary>Returns the error of a refused operation; null for a success, or if a missing entry or part is a valid result.</summary>
    public static ProtocolError? Find(OperationKind kind, in OperationResult result) => result.Status switch
    {
        ResultStatus.Done => null,
        ResultStatus.NotFound when kind is OperationKind.Get or OperationKind.Delete or OperationKind.Expire => null,
        ResultStatus.PathNotFound when kind == OperationKind.Get => null,
        ResultStatus.MemoryFull =>
            result.Detail is { } detail ? ProtocolError.MemoryFull with { Message = detail } : ProtocolError.MemoryFull,
        ResultStatus.DiskFull => ProtocolError.DiskFull,
        ResultStatus.DiskFailed => ProtocolError.DiskFailed,
        ResultStatus.PreconditionFailed => ProtocolError.PreconditionFailed(result.Version),
        ResultStatus.NotFound or ResultStatus.PathNotFound when result.Version == 0 =>
            new(ErrorCode.NotFound, "the key does not exist, so no part of its value can be changed") { Version = 0 },
        ResultStatus.PathNotFound or ResultStatus.NotFound =>
            new(ErrorCode.PathNotFound, result.Detail ?? "the path does not exist in the value"),
        ResultStatus.NotANumber => new(ErrorCode.NotANumber, result.Detail ?? "the value to increment is not a number"),
        ResultStatus.NumberOverflow => new(ErrorCode.NumberOverflow, result.Detail ?? "the sum cannot be represented exactly"),
        ResultStatus.TestFailed => new(ErrorCode.TestFailed, result.Detail ?? "a test of the patch does not hold"),
        ResultStatus.ValueTooLong =>
            new(ErrorCode.ValueTooLong, result.Detail ?? "the value would exceed the maximum length (Limits:FrameBytesMax)"),
        ResultStatus.TooDeep =>
            new(ErrorCode.TooDeep, result.Detail ?? "the value would exceed the maximum nesting depth (Limits:JsonDepthMax)"),
        ResultStatus.PatchTooLong =>
            new(ErrorCode.PatchTooLong, result.Detail ?? "the patch has too many operations for the length of the value"),
        ResultStatus.RequestIdReused =>
            new(ErrorCode.RequestIdReused,
                result.Detail ?? "the request id was recently used for a different request (Store:RequestIdWindow)"),
        ResultStatus.Conflict => new(
            ErrorCode.Conflict,
            result.Detail ?? "other requests changed the entries while this request was being processed; nothing was changed, " +
                "send the request again"),
        _ => throw new UnreachableException($"An operation ended with {result.Status}."),
    };
}
