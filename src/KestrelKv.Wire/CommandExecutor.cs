using System.Buffers;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using KestrelKv.Protocol;
using KestrelKv.Storage;

namespace KestrelKv.Wire;

/// <summary>Executes requests against the store, a batch at a time, and writes the replies in their order.</summary>
/// <remarks>Knows no socket. One belongs to one connection: it is not for use by two threads at once.</remarks>
internal sealed class CommandExecutor(
    IKeyValueStore store, ReplyWriter replies, ConnectionCounters counters) : IResultSink
{
    // What is told counts once the store has completed the call, for only then it is so.
    private readonly ConnectionCounters _told = new();
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
    /// <exception cref="DurabilityLostException">The disk has failed, and the output has replies already that may not be sent.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<int> ExecuteAsync(ReadOnlyMemory<Request> requests, long stopAt)
    {
        long mark = replies.BytesWritten;
        Operation[] operations = ArrayPool<Operation>.Shared.Rent(requests.Length);
        int count = ToOperations(requests.Span, operations);
        for (bool again = false; ; again = true)
        {
            _requests = requests;
            _answered = 0;
            _stopAt = stopAt;
            _told.Clear();
            try
            {
                int executed = await store.ExecuteAsync(operations.AsMemory(0, count), this);
                if (executed == count) AnswerUpToNextOperation();
                break;
            }
            catch (DurabilityLostException)
            {
                // The replies tell what may not be so after a restart. Executed again, the requests are refused, or
                // read what is on disk.
                if (again || !replies.TryTakeBack(mark)) throw;
            }
        }

        counters.Add(_told);
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
            case Function.Get when result.Status == ResultStatus.DiskFailed:
                replies.WriteError(ProtocolError.DiskFailed);
                _told.GetsRefused++;
                break;
            case Function.Get:
                replies.WriteGet(request.NameText.Span, result.Status == ResultStatus.Done ? result.Value : "null"u8);
                _told.Gets++;
                break;
            case Function.Put when result.Status != ResultStatus.Done:
                WriteError(Refusal(result.Status));
                break;
            case Function.Put:
                replies.WritePut(request.NameText.Span);
                _told.Puts++;
                break;
        }
        return replies.BytesWritten < _stopAt;
    }

    private static ProtocolError Refusal(ResultStatus status) => status switch
    {
        ResultStatus.MemoryFull => ProtocolError.MemoryFull,
        ResultStatus.DiskFull => ProtocolError.DiskFull,
        ResultStatus.DiskFailed => ProtocolError.DiskFailed,
        _ => throw new UnreachableException($"A PUT without a precondition ended with {status}."),
    };

    private static int ToOperations(ReadOnlySpan<Request> requests, Span<Operation> operations)
    {
        int count = 0;
        foreach (ref readonly Request request in requests)
        {
            switch (request.Function)
            {
                case Function.Get:
                    operations[count++] = Operation.Get(request.Key) with { AcknowledgeFromMemory = request.AcknowledgeFromMemory };
                    break;
                case Function.Put:
                    operations[count++] = Operation.Put(request.Key, request.Value) with { AcknowledgeFromMemory = request.AcknowledgeFromMemory };
                    break;
            }
        }
        return count;
    }

    private void WriteError(ProtocolError error)
    {
        replies.WriteError(error);
        _told.CountError(error.Code);
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
                    _told.Unknowns++;
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
