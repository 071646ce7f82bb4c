using KestrelKv.Protocol;
using KestrelKv.Storage;

namespace KestrelKv.Wire;

/// <summary>A BATCH that came in some other way than in a frame.</summary>
public sealed class BatchCommand
{
    private readonly Request _request;

    private BatchCommand(in Request request) => _request = request;

    /// <summary>Reads the parameters of a BATCH.</summary>
    /// <param name="parameters">JSON text, <c>{"ops": [...]}</c>; must stay as it is until the command has been executed.</param>
    /// <param name="limits">What a request may not exceed.</param>
    /// <param name="time">The clock by which entries expire.</param>
    /// <param name="error">What is wrong with them; null where nothing is.</param>
    /// <returns>Null where there is an error.</returns>
    public static BatchCommand? Parse(ReadOnlyMemory<byte> parameters, RequestLimits limits, TimeProvider time, out ProtocolError? error)
    {
        Request request = RequestCheck.Checked(RequestParser.ParseBatch(parameters, limits), time);
        error = request.Error;
        return error is null ? new(request) : null;
    }

    /// <summary>Executes it atomically.</summary>
    /// <param name="store">The store.</param>
    /// <param name="time">The clock by which entries expire.</param>
    /// <param name="requestId">What the client calls it, instead of what its parameters may say; empty for nothing.</param>
    /// <param name="response">Where the response object is written, if there is no error.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <returns>Why nothing was done, with the index of the operation that was refused; null where all was.</returns>
    /// <exception cref="DurabilityLostException">The disk has failed, twice while this was executed.</exception>
    public async ValueTask<ProtocolError?> ExecuteAsync(
        IKeyValueStore store, TimeProvider time, ReadOnlyMemory<byte> requestId, TextBuffer response,
        CancellationToken cancellationToken = default)
    {
        RequestOptions options = _request.Options!;
        using var results = new TextBuffer();
        var execution = new AtomicExecution(store, time);
        await execution.ExecuteAsync(options.Operations, requestId.IsEmpty ? options.RequestId : requestId, results, cancellationToken);
        if (execution.Error is not null) return execution.Error;
        WriteHead(response, execution.Version);
        response.Write(results);
        response.Write(Tail);
        return null;
    }

    /// <summary><c>{"version": V, "results": [</c>, what comes before the results.</summary>
    internal static void WriteHead(TextBuffer text, long version)
    {
        text.WriteMember("{\"version\": "u8, version);
        text.Write(", \"results\": ["u8);
    }

    /// <summary>What comes behind the results.</summary>
    internal static ReadOnlySpan<byte> Tail => "]}"u8;
}
