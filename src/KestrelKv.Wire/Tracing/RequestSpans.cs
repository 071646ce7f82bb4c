using System.Diagnostics;
using System.Runtime.CompilerServices;
using KestrelKv.Protocol;

namespace KestrelKv.Wire;

/// <summary>The open spans of the requests of one connection that are executed as one <see cref="RequestBatch"/>.</summary>
/// <remarks>
/// A span begins when its request has been parsed, and ends when the reply is ready, which includes the waits for earlier requests and
/// for the disk. Without spans, every method is one check. Not thread-safe.
/// </remarks>
internal sealed class RequestSpans(RequestTracing? tracing)
{
    /// <summary>The error of a request whose connection was closed before its reply.</summary>
    private const string Closed = "connection_closed";

    // By index of the request in the batch. Rented for the first span of a batch.
    private OpenSpan[] _open = [];
    private int _count;

    // The index of the first request without a reply.
    private int _first;

    /// <summary>Begins the span of a request, if it must have one.</summary>
    /// <param name="index">The index of the request, higher than those before.</param>
    /// <param name="request">The request as parsed.</param>
    /// <param name="requestsMax">The maximum number of requests of a batch.</param>
    public void Begin(int index, in Request request, int requestsMax)
    {
        if (tracing?.Begin(request) is not { } span) return;
        if (_count == 0)
        {
            _open = BatchPool<OpenSpan>.Rent(requestsMax);
            _first = 0;
        }

        // A rented array may have been used before, but a returned one was cleared.
        _open[index].Activity = span;
        _count = index + 1;
    }

    /// <summary>Records that the reply to a request is an error.</summary>
    /// <param name="offset">The number of requests between the first one without a reply and this one.</param>
    /// <param name="code">The error.</param>
    public void Fail(int offset, ErrorCode code)
    {
        int index = _first + offset;
        if (index < _count) _open[index].Error = code;
    }

    /// <summary>Discards the recorded errors of requests that are executed again.</summary>
    public void Retract()
    {
        for (int i = _first; i < _count; i++) _open[i].Error = null;
    }

    /// <summary>Ends the spans of the next requests, whose replies are ready.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void End(int answered)
    {
        if (_count > 0) EndFirst(answered);
    }

    /// <summary>Ends all open spans because the connection is closed.</summary>
    /// <param name="error">The error that the client gets instead of the replies; null for none.</param>
    public void Abandon(ErrorCode? error = null)
    {
        for (; _first < _count; _first++)
            RequestTracing.End(_open[_first].Activity, error is { } code ? ErrorCodes.Text(code) : Closed);
        Clear();
    }

    private void EndFirst(int answered)
    {
        int end = Math.Min(_first + answered, _count);
        for (; _first < end; _first++) RequestTracing.End(_open[_first].Activity, _open[_first].Error);
        if (_first == _count) Clear();
    }

    private void Clear()
    {
        if (_count == 0) return;
        BatchPool<OpenSpan>.Return(_open, _count);
        _open = [];
        _count = 0;
    }

    private struct OpenSpan
    {
        public Activity? Activity;
        public ErrorCode? Error;
    }
}
