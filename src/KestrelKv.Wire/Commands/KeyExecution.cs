using System.Buffers;
using System.Diagnostics;
using KestrelKv.Protocol;
using KestrelKv.Storage;

namespace KestrelKv.Wire;

/// <summary>Executes requests on single keys, and hands their results to a sink.</summary>
/// <param name="store">The store.</param>
/// <param name="results">Takes the results.</param>
/// <param name="room">Is released once the sink has all results; null if none is reserved.</param>
internal sealed class KeyExecution(IKeyValueStore store, IKeyResultSink results, ReplyRoom? room = null) : IResultSink
{
    private ReadOnlyMemory<Request> _requests;

    /// <summary>Why nothing was done, with the index of the refused request; null if all was done.</summary>
    public ProtocolError? Error { get; private set; }

    /// <summary>The version of the commit; 0 if nothing was changed.</summary>
    public long Version { get; private set; }

    /// <summary>Executes one request, or several as one atomic batch. Afterwards the results may be shown.</summary>
    /// <param name="requests">At least one.</param>
    /// <param name="requestId">The request id; empty for none.</param>
    /// <param name="cancellationToken">Cancels the wait.</param>
    /// <exception cref="DurabilityLostException">The disk has failed, twice while this was executed.</exception>
    public async ValueTask ExecuteAsync(
        ReadOnlyMemory<Request> requests, ReadOnlyMemory<byte> requestId, CancellationToken cancellationToken = default)
    {
        Operation[] operations = ArrayPool<Operation>.Shared.Rent(requests.Length);
        for (int i = 0; i < requests.Length; i++) operations[i] = OperationMapper.Map(requests.Span[i], store.Clock);
        for (bool again = false; ; again = true)
        {
            (_requests, Error, Version) = (requests, null, 0);
            results.Begin();
            try
            {
                await ExecuteAsync(operations.AsMemory(0, requests.Length), requestId, cancellationToken);
                break;
            }
            catch (DurabilityLostException) when (!again)
            {
                // The results may be lost after a restart, and nobody has seen them. In the second attempt writes are refused, and
                // reads return what is on disk.
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

        // The wait for the disk needs no more room than the results take.
        if (index == _requests.Length - 1) room?.Release();
        return true;
    }

    private async ValueTask ExecuteAsync(
        ReadOnlyMemory<Operation> operations, ReadOnlyMemory<byte> requestId, CancellationToken cancellationToken)
    {
        if (operations.Length == 1 && requestId.IsEmpty) await store.ExecuteAsync(operations, this, cancellationToken);
        else if (!await store.CommitAsync(operations, this, requestId, cancellationToken) && Error is null)
            throw new UnreachableException("A batch was refused for no reason.");
    }
}
