using System.Buffers;
using System.Diagnostics;
using KestrelKv.Protocol;
using KestrelKv.Storage;

namespace KestrelKv.Wire;

/// <summary>Executes requests on single keys, passes the results to a sink, and releases the reservation once it has all.</summary>
internal sealed class KeyExecution(IKeyValueStore store, IKeyResultSink results, ReplyRoom? room = null) : IResultSink
{
    private ReadOnlyMemory<Request> _requests;

    /// <summary>The error, with the index of the refused request; null if all requests succeeded.</summary>
    public ProtocolError? Error { get; private set; }

    /// <summary>The version of the commit; 0 if nothing changed.</summary>
    public long Version { get; private set; }

    /// <summary>Executes one request, or several as one atomic batch. The results may be sent afterwards.</summary>
    /// <param name="requests">One or more requests.</param>
    /// <param name="requestId">The id of a BATCH. The id of a single request is in its options.</param>
    /// <param name="cancellationToken">Cancels the wait, but undoes nothing.</param>
    /// <exception cref="StoreFailureException">The store has failed, if it lost the results during both attempts.</exception>
    public async ValueTask ExecuteAsync(
        ReadOnlyMemory<Request> requests, RequestId requestId = default, CancellationToken cancellationToken = default)
    {
        Operation[] operations = ArrayPool<Operation>.Shared.Rent(requests.Length);
        for (int i = 0; i < requests.Length; i++) operations[i] = OperationMapper.Map(requests.Span[i], store.Clock);
        for (bool isRetry = false; ; isRetry = true)
        {
            (_requests, Error, Version) = (requests, null, 0);
            results.Begin();
            try
            {
                await ExecuteAsync(operations.AsMemory(0, requests.Length), requestId, cancellationToken);
                break;
            }
            catch (StoreFailureException e) when (e.MayRepeat && !isRetry)
            {
                // The results are void, and no client has received them. If the disk has failed, the second attempt refuses writes and
                // reads the data on disk.
            }
        }
        Array.Clear(operations, 0, requests.Length);
        ArrayPool<Operation>.Shared.Return(operations);
        _requests = default;
    }

    /// <inheritdoc/>
    bool IResultSink.OnResult(int index, in OperationResult result)
    {
        ref readonly Request request = ref _requests.Span[index];
        if (ResultErrors.Find(OperationMapper.KindOf(request), result) is { } error)
        {
            Error ??= error with { Index = index };
            return true;
        }

        if (request.Function != Function.Get && result.Status == ResultStatus.Done) Version = Math.Max(Version, result.Version);
        results.Add(request, result);

        // The wait for the disk needs no more room than the results occupy.
        if (index == _requests.Length - 1) room?.Release();
        return true;
    }

    private async ValueTask ExecuteAsync(
        ReadOnlyMemory<Operation> operations, RequestId requestId, CancellationToken cancellationToken)
    {
        if (operations.Length == 1 && requestId.IsEmpty) await store.ExecuteAsync(operations, this, cancellationToken);
        else if (!await store.CommitAsync(operations, this, requestId, cancellationToken) && Error is null)
            throw new UnreachableException("The store refused a batch without an error.");
    }
}
