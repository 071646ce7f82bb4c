using System.Buffers;
using System.Runtime.CompilerServices;
using KestrelKv.Protocol;
using KestrelKv.Storage;

namespace KestrelKv.Wire;

/// <summary>Executes requests against the store, a batch at a time, and writes the replies in their order.</summary>
/// <remarks>Knows no socket. One belongs to one connection: it is not for use by two threads at once.</remarks>
internal sealed class CommandExecutor(
    IKeyValueStore store, ReplyWriter replies, ConnectionCounters counters) : IResultSink
{
    private ReadOnlyMemory<Request> _requests;
    private int _answered;
    private long _stopAt;

    /// <summary>
    /// Executes requests from the first on. The replies may be sent once this has completed.
    /// </summary>
    /// <param name="requests">At least one.</param>
    /// <param name="stopAt">
    /// To stop after the request whose reply takes <see cref="ReplyWriter.BytesWritten"/> to this figure.
    /// </param>
    /// <returns>How many requests were answered.</returns>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<int> ExecuteAsync(ReadOnlyMemory<Request> requests, long stopAt)
    {
        _requests = requests;
        _answered = 0;
        _stopAt = stopAt;

        Operation[] operations = ArrayPool<Operation>.Shared.Rent(requests.Length);
        int count = ToOperations(requests.Span, operations);
        int executed = await store.ExecuteAsync(operations.AsMemory(0, count), this);
        if (executed == count) AnswerUpToNextOperation();

        Array.Clear(operations, 0, count);
        ArrayPool<Operation>.Shared.Return(operations);
        _requests = default;
        return _answered;
    }

    /// <inheritdoc/>
    bool IResultSink.OnResult(int index, in OperationResult result)
    {
        AnswerUpToNextOperation();
        ref readonly Request request = ref _requests.Span[_answered++];
        switch (request.Function)
        {
            case Function.Get:
                replies.WriteGet(request.NameText.Span, result.Status == ResultStatus.Done ? result.Value : "null"u8);
                counters.Gets++;
                break;
            case Function.Put when result.Status == ResultStatus.MemoryFull:
                WriteError(ProtocolError.MemoryFull);
                break;
            case Function.Put:
                replies.WritePut(request.NameText.Span);
                counters.Puts++;
                break;
        }
        return replies.BytesWritten < _stopAt;
    }

    private static int ToOperations(ReadOnlySpan<Request> requests, Span<Operation> operations)
    {
        int count = 0;
        foreach (ref readonly Request request in requests)
        {
            switch (request.Function)
            {
                case Function.Get:
                    operations[count++] = Operation.Get(request.Key);
                    break;
                case Function.Put:
                    operations[count++] = Operation.Put(request.Key, request.Value);
                    break;
            }
        }
        return count;
    }

    private void WriteError(ProtocolError error)
    {
        replies.WriteError(error);
        counters.CountError(error.Code);
    }

    /// <summary>Answers the requests that need no store, up to the next one that does.</summary>
    private void AnswerUpToNextOperation()
    {
        ReadOnlySpan<Request> requests = _requests.Span;
        for (; _answered < requests.Length; _answered++)
        {
            ref readonly Request request = ref requests[_answered];
            switch (request.Function)
            {
                case Function.Unknown:
                    replies.WriteUnknownFunction(request.NameText.Span);
                    counters.Unknowns++;
                    break;
                case Function.Invalid:
                    WriteError(request.Error!);
                    break;
                default:
                    return;
            }
        }
    }
}
