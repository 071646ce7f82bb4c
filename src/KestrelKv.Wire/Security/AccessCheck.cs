using KestrelKv.Protocol;

namespace KestrelKv.Wire.Security;

/// <summary>Decides whether a client may execute a request. The only such check for the wire and HTTP.</summary>
/// <remarks>The table <see cref="Functions"/> states what each function needs. What it does not state is denied.</remarks>
public static class AccessCheck
{
    /// <summary>Returns the error if the client may not execute the request; otherwise null.</summary>
    public static ProtocolError? Find(in Request request, Identity identity)
    {
        if (request.Function == Function.Invalid) return null;
        Access access = request.Function == Function.Unknown ? new(AccessTarget.Client, Rights.None) : Functions.Of(request.Function).Access;
        if (access.Target != AccessTarget.Open && !identity.IsAdmitted) return ProtocolError.AuthRequired;
        return access.Target switch
        {
            AccessTarget.Open or AccessTarget.Client => null,
            AccessTarget.Key => FindForKey(request, access, request.Key.Span, identity),
            AccessTarget.Prefix => FindForKey(request, access, (request.Options ?? RequestOptions.None).Prefix.Span, identity),
            AccessTarget.Operations => FindFirst(request, identity),
            _ => Forbidden(request, access, identity),
        };
    }

    /// <summary>
    /// Returns a permitted request as the client may execute it: its request id is one of its user, and INFO without
    /// <see cref="ServerRights.Admin"/> returns the server's name and version only.
    /// </summary>
    public static Request Restrict(in Request request, Identity identity)
    {
        if (request.HasRequestId) return request.Called((byte[])[.. identity.RequestIdScope, .. request.RequestId.Span]);
        return request.Function == Function.Info && !identity.Server.HasFlag(ServerRights.Admin) ? request.AsBrief() : request;
    }

    private static ProtocolError? FindFirst(in Request request, Identity identity)
    {
        Request[] operations = (request.Options ?? RequestOptions.None).Operations;
        for (int i = 0; i < operations.Length; i++)
        {
            if (Find(operations[i], identity) is { } error)
                return request.Function == Function.Batch ? error with { Index = i } : error;
        }
        return null;
    }

    private static ProtocolError? FindForKey(in Request request, Access access, ReadOnlySpan<byte> keyOrPrefix, Identity identity) =>
        identity.Allows(access.RightsOf(request), keyOrPrefix) ? null : Forbidden(request, access, identity);

    private static ProtocolError Forbidden(in Request request, Access access, Identity identity)
    {
        // A client that has not authenticated may have more rights once it has.
        if (identity.User is null) return ProtocolError.AuthRequired;
        string rights = access.RightsOf(request).ToString().ToLowerInvariant().Replace(", ", " and ", StringComparison.Ordinal);
        return new(ErrorCode.Forbidden,
            $"the user \"{identity.User}\" has no grant for this {(access.Target == AccessTarget.Prefix ? "prefix" : "key")}, expected one that allows {rights}");
    }
}
