using KestrelKv.Protocol;
using KestrelKv.Storage;
using KestrelKv.Json;

namespace KestrelKv.Wire;

/// <summary>Refuses requests whose faults the parser cannot detect: in paths, patches, and times that depend on the clock.</summary>
internal static class RequestValidator
{
    /// <summary>Returns the fault of a request; null if there is none.</summary>
    public static ProtocolError? Find(in Request request, TimeProvider time) =>
        request.Options is { } options ? Find(request, options, time) : null;

    private static ProtocolError? Find(in Request request, RequestOptions options, TimeProvider time) =>
        FindOne(request, options, time) ?? (request.Function == Function.Batch ? FindFirst(options.Operations, time) : null);

    private static ProtocolError? FindFirst(Request[] operations, TimeProvider time)
    {
        for (int i = 0; i < operations.Length; i++)
        {
            if (operations[i].Options is { } options && FindOne(operations[i], options, time) is { } error)
                return error with { Index = i };
        }
        return null;
    }

    private static ProtocolError? FindOne(in Request request, RequestOptions options, TimeProvider time)
    {
        if (options.HasPath && JsonPointer.Check(options.Path.Span) is { } path)
            return new(ErrorCode.InvalidValue, $"\"path\": {path}");
        if (options.IsJsonPatch && JsonPatch.Check(request.Value.Span) is { } patch)
            return new(ErrorCode.InvalidValue, $"\"patch\": {patch}");
        if (options.Expiry.Kind == ExpiryKind.After && EndsTooLate(options.Expiry, time))
            return new(ErrorCode.InvalidValue, "\"ttl\" ends after the year 9999, expected an earlier expiry, or null for none");
        return options.Touch > 0 && EndsTooLate(new Expiry(ExpiryKind.After, options.Touch), time)
            ? new(ErrorCode.InvalidValue, "\"touch\" ends after the year 9999, expected an earlier expiry")
            : null;
    }

    private static bool EndsTooLate(Expiry expiry, TimeProvider time) =>
        OperationMapper.ExpiresAt(expiry, time) > Operation.ExpiresAtMax;
}
