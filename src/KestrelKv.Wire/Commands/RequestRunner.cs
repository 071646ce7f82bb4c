using System.Diagnostics;
using KestrelKv.Protocol;
using KestrelKv.Storage;
using KestrelKv.Wire.Security;

namespace KestrelKv.Wire;

/// <summary>Executes one request at a time, from the wire or from HTTP. Thread-safe.</summary>
/// <remarks>
/// The wire uses it for unbatched commands, HTTP for all requests. WATCH and UNWATCH depend on the client's connection, and are not
/// executed here.
/// </remarks>
public sealed class RequestRunner(IKeyValueStore store, WireConnections connections)
{
    /// <summary>Returns the request as the client may execute it, or its refusal.</summary>
    /// <param name="request">The parsed request.</param>
    /// <param name="identity">The client; null if the server has no users.</param>
    public Request Validate(in Request request, Identity? identity = null)
    {
        ProtocolError? error = RequestValidator.Find(request, store.Clock);
        if (error is null && identity is not null) error = AccessCheck.Find(request, identity);
        if (error is not null) return request.Refused(error);
        return identity is null ? request : AccessCheck.Restrict(request, identity);
    }

    /// <summary>Executes a request and writes its response object.</summary>
    /// <param name="one">One validated request.</param>
    /// <param name="response">An empty response to write to. It may be sent once this method completes without an error.</param>
    /// <param name="format">The format of listed entries.</param>
    /// <param name="cancellationToken">Cancels the wait, but undoes nothing.</param>
    /// <returns>The error; null on success.</returns>
    public async ValueTask<ProtocolError?> RunAsync(
        ReadOnlyMemory<Request> one, Response response, ListFormat? format = null, CancellationToken cancellationToken = default)
    {
        try
        {
            return await ExecuteAsync(one, response, format, cancellationToken);
        }
        catch (StoreFailureException e)
        {
            return ResultErrors.Of(e, one.Span[0].Function);
        }
    }

    /// <summary>Executes a request on one key.</summary>
    /// <param name="one">One validated request.</param>
    /// <param name="result">Receives the result, which may be sent once this method completes without an error.</param>
    /// <param name="cancellationToken">Cancels the wait, but undoes nothing.</param>
    /// <returns>The error; null on success.</returns>
    public async ValueTask<ProtocolError?> RunAsync(
        ReadOnlyMemory<Request> one, IKeyResultSink result, CancellationToken cancellationToken = default)
    {
        try
        {
            return await ExecuteAsync(one, result, room: null, cancellationToken);
        }
        catch (StoreFailureException e)
        {
            return ResultErrors.Of(e, one.Span[0].Function);
        }
    }

    private async ValueTask<ProtocolError?> ExecuteAsync(
        ReadOnlyMemory<Request> one, Response response, ListFormat? format, CancellationToken cancellationToken)
    {
        Request request = one.Span[0];
        RequestOptions options = request.Options ?? RequestOptions.None;
        switch (request.Function)
        {
            case Function.Invalid:
                return request.Error;
            case Function.Mget:
                return await ReadManyAsync(options, response, cancellationToken);
            case Function.Batch:
                return await CommitAsync(request, response, cancellationToken);
            case Function.Scan:
                using (var page = new ScanPage(options, format ?? ListFormat.Scan, response.Body))
                    return await page.WriteAsync(store, cancellationToken);
            case Function.Ping:
                response.Body.Write("{\"response\": \"pong\"}"u8);
                return null;
            case Function.Info:
                InfoText.Write(response.Body, store.GetStats(), connections, options.IsBrief);
                return null;
            case Function.Help:
                response.Body.Write(HelpText.Response);
                return null;
            default:
                return await ExecuteAsync(one, new ResultText(response.Body), response.Room, cancellationToken);
        }
    }

    private async ValueTask<ProtocolError?> ExecuteAsync(
        ReadOnlyMemory<Request> one, IKeyResultSink result, ReplyRoom? room, CancellationToken cancellationToken)
    {
        Debug.Assert(one.Span[0].Function is >= Function.Get and <= Function.Expire);
        var execution = new KeyExecution(store, result, room);
        await execution.ExecuteAsync(one, cancellationToken: cancellationToken);
        return WithoutIndex(execution.Error);
    }

    /// <summary>Writes <c>{"entries": [ENTRY, ...]}</c>.</summary>
    private async ValueTask<ProtocolError?> ReadManyAsync(RequestOptions options, Response response, CancellationToken cancellationToken)
    {
        var execution = new KeyExecution(store, new ResultText(response.Body), response.Room);
        await execution.ExecuteAsync(options.Operations, cancellationToken: cancellationToken);
        if (execution.Error is not null) return WithoutIndex(execution.Error);
        response.Head.Write("{\"entries\": ["u8);
        response.Body.Write("]}"u8);
        return null;
    }

    /// <summary>Writes <c>{"version": V, "results": [RESULT, ...]}</c>.</summary>
    private async ValueTask<ProtocolError?> CommitAsync(Request request, Response response, CancellationToken cancellationToken)
    {
        var execution = new KeyExecution(store, new ResultText(response.Body), response.Room);
        await execution.ExecuteAsync(request.Options!.Operations, OperationMapper.RequestIdOf(request), cancellationToken);
        if (execution.Error is not null) return execution.Error;
        response.Head.WriteMember("{\"version\": "u8, execution.Version);
        response.Head.Write(", \"results\": ["u8);
        response.Body.Write("]}"u8);
        return null;
    }

    private static ProtocolError? WithoutIndex(ProtocolError? error) => error is null ? null : error with { Index = null };
}
