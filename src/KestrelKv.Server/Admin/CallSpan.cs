using System.Diagnostics;
using KestrelKv.Protocol;
using KestrelKv.Wire;

namespace KestrelKv.Server.Admin;

/// <summary>The span of a request with a <c>trace</c> in the body of a call. Ends at the first <see cref="Dispose"/>.</summary>
internal sealed class CallSpan(RequestTracing tracing, in Request request) : IDisposable
{
    private Activity? _span = tracing.Begin(request);

    /// <summary>The error in the reply; null for none.</summary>
    public ErrorCode? Error { get; set; } = ErrorCode.InternalError;

    public void Dispose()
    {
        RequestTracing.End(_span, Error);
        _span = null;
    }
}
