using KestrelKv.Protocol;
using KestrelKv.Storage;

namespace KestrelKv.Wire;

/// <summary>
/// Executes the requests that can't go to the store together with others: atomic batches, writes with a request id,
/// listings, watches, and what needs no store.
/// </summary>
/// <remarks>
/// Their replies are written only once the store has completed the call, so none of them is ever to be taken back.
/// </remarks>
internal sealed class LoneCommands(
    IKeyValueStore store, ReplyWriter replies, ConnectionCounters counters, TimeProvider time,
    ConnectionWatches watches, WireConnections connections, ReplyRoom room)
{
    /// <summary>Whether a request is one of them.</summary>
    public static bool IsLone(in Request request) =>
        request.Function >= Function.Mget || request.Options is { RequestId.IsEmpty: false };

    /// <summary>What a request's reply may take beyond its own size; 0 for a reply that is never large.</summary>
    public static long ReplyBytesMax(in Request request, RequestLimits limits) => request.Function switch
    {
        Function.Mget or Function.Batch => limits.ReadBytesMax,
        Function.Scan when request.Options!.Values => ScanPage.BytesMax + limits.FrameBytesMax,
        Function.Watch => ChangesText.BytesMax,
        _ => request.Options is { ReturnsOld: true } ? limits.FrameBytesMax : 0,
    };

    /// <summary>Executes one request and writes its reply.</summary>
    public async ValueTask ExecuteAsync(ReadOnlyMemory<Request> one, CancellationToken cancellationToken)
    {
        Request request = one.Span[0];
        RequestOptions options = request.Options ?? RequestOptions.None;
        using var text = new TextBuffer(connections.Replies);
        ProtocolError? error = request.Function switch
        {
            Function.Mget => await WriteManyAsync(request, options, text, cancellationToken),
            Function.Batch => await WriteBatchAsync(request, options, text, cancellationToken),
            Function.Scan => await WritePageAsync(request, options, text, cancellationToken),
            Function.Watch => await watches.OpenAsync(request, options, cancellationToken),
            Function.Unwatch => WriteUnwatched(request, options, text),
            Function.Ping => WritePong(request),
            Function.Info => WriteInfo(request, text),
            Function.Help => WriteHelp(request),
            _ => await WriteOneAsync(one, options, text, cancellationToken),
        };
        if (error is null) counters.Count(request.Function);
        else
        {
            replies.WriteError(error, request.IdText.Span);
            counters.CountError(error.Code, request.Function);
        }
    }

    private async ValueTask<ProtocolError?> WriteOneAsync(
        ReadOnlyMemory<Request> one, RequestOptions options, TextBuffer text, CancellationToken cancellationToken)
    {
        var execution = new AtomicExecution(store, time, room);
        await execution.ExecuteAsync(one, options.RequestId, text, cancellationToken);
        if (execution.Error is { } error) return error with { Index = null };
        replies.WriteResponse(one.Span[0].Function, default, text, default, one.Span[0].IdText.Span);
        return null;
    }

    /// <summary><c>{"entries": [ENTRY, ...]}</c></summary>
    private async ValueTask<ProtocolError?> WriteManyAsync(
        Request request, RequestOptions options, TextBuffer text, CancellationToken cancellationToken)
    {
        var execution = new AtomicExecution(store, time, room);
        await execution.ExecuteAsync(options.Operations, default, text, cancellationToken);
        if (execution.Error is { } error) return error with { Index = null };
        replies.WriteResponse(Function.Mget, "{\"entries\": ["u8, text, "]}"u8, request.IdText.Span);
        return null;
    }

    private async ValueTask<ProtocolError?> WriteBatchAsync(
        Request request, RequestOptions options, TextBuffer text, CancellationToken cancellationToken)
    {
        var execution = new AtomicExecution(store, time, room);
        await execution.ExecuteAsync(options.Operations, options.RequestId, text, cancellationToken);
        if (execution.Error is not null) return execution.Error;
        using var head = new TextBuffer();
        BatchCommand.WriteHead(head, execution.Version);
        replies.WriteResponse(Function.Batch, head.Written, text, BatchCommand.Tail, request.IdText.Span);
        return null;
    }

    private async ValueTask<ProtocolError?> WritePageAsync(
        Request request, RequestOptions options, TextBuffer text, CancellationToken cancellationToken)
    {
        if (await new ScanPage(options, text).WriteAsync(store, cancellationToken) is { } error) return error;
        replies.WriteResponse(Function.Scan, default, text, default, request.IdText.Span);
        return null;
    }

    /// <summary><c>{"watch": N, "response": "ok"}</c></summary>
    private ProtocolError? WriteUnwatched(in Request request, RequestOptions options, TextBuffer text)
    {
        if (!watches.Close(options.Watch))
        {
            return new(ErrorCode.InvalidValue,
                $"\"watch\" is {options.Watch}, expected the number of a watch of this connection that goes on");
        }
        text.WriteMember("{\"watch\": "u8, options.Watch);
        text.Write(", \"response\": \"ok\"}"u8);
        replies.WriteResponse(Function.Unwatch, text.Written, request.IdText.Span);
        return null;
    }

    private ProtocolError? WritePong(in Request request)
    {
        replies.WriteResponse(Function.Ping, "{\"response\": \"pong\"}"u8, request.IdText.Span);
        return null;
    }

    private ProtocolError? WriteInfo(in Request request, TextBuffer text)
    {
        InfoText.Write(text, store.GetStats(), connections);
        replies.WriteResponse(Function.Info, text.Written, request.IdText.Span);
        return null;
    }

    private ProtocolError? WriteHelp(in Request request)
    {
        replies.WriteResponse(Function.Help, HelpText.Response, request.IdText.Span);
        return null;
    }
}
