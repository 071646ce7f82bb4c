using KestrelKv.Protocol;
using KestrelKv.Wire.Security;

namespace KestrelKv.Wire;

/// <summary>Executes the requests that cannot be batched: atomic batches, listings, watches, and requests that need no store.</summary>
/// <remarks>Replies are written only after the store has completed the call, so they are never retracted.</remarks>
internal sealed class UnbatchedCommands(
    RequestRunner runner, ReplyWriter replies, ConnectionCounters counters, ConnectionWatches watches, ClientSession? session,
    ReplyRoom room, RequestSpans spans)
{
    /// <summary>Whether a request cannot be batched.</summary>
    public static bool IsUnbatched(in Request request) => request.Function >= Function.Mget;

    /// <summary>Executes one request and writes its reply.</summary>
    /// <returns>The number of answered requests; 0 if the request needs room for its reply.</returns>
    /// <exception cref="OperationCanceledException">The request was not executed.</exception>
    public async ValueTask<int> ExecuteAsync(ReadOnlyMemory<Request> one, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (!room.TryReserveFor(one.Span[0])) return 0;
        try
        {
            if (LoopWork.IsHere && LoopWork.IsTooLong(one.Span[0])) await Task.Yield();
            await RunAsync(one, cancellationToken);
            return 1;
        }
        finally
        {
            room.Release();
        }
    }

    private async ValueTask RunAsync(ReadOnlyMemory<Request> one, CancellationToken cancellationToken)
    {
        Request request = one.Span[0];
        if (request.Function == Function.Auth && session is null)
        {
            replies.WriteUnknownFunction("\"AUTH\""u8, request.IdText.Span);
            counters.Count(Function.Unknown);
            return;
        }
        using var response = new Response(room);
        ProtocolError? error = request.Function switch
        {
            Function.Watch => await watches.OpenAsync(request, cancellationToken),
            Function.Unwatch => watches.Close(request, response.Body),
            Function.Auth => await session!.AuthenticateAsync(request, response.Body, cancellationToken),
            _ => await runner.RunAsync(one, response, format: null, cancellationToken),
        };
        if (request.Function == Function.Auth) watches.EndForbidden(session!);
        if (error is not null)
        {
            replies.WriteError(error, request.IdText.Span);
            counters.CountError(error.Code, request.Function);
            spans.Fail(0, error.Code);
            return;
        }

        // WATCH has written its own replies.
        if (request.Function != Function.Watch)
            replies.WriteResponse(request.Function, response.Head.Written, response.Body, default, request.IdText.Span);
        counters.Count(request.Function);
    }
}
