using System.Runtime.CompilerServices;
using KestrelKv.Protocol;
using KestrelKv.Storage;

namespace KestrelKv.Wire;

/// <summary>
/// Executes requests against the store, as many at a time as it can take together, and writes the replies in their order.
/// </summary>
/// <remarks>Knows no socket. One belongs to one connection: it is not for use by two threads at once.</remarks>
internal sealed class CommandExecutor(
    IKeyValueStore store, ReplyWriter replies, ConnectionCounters counters, TimeProvider time, LoneCommands lone)
    : IResultSink, IDisposable
{
    // What is told counts once the store has completed the call, for only then it is so.
    private readonly ConnectionCounters _told = new();
    private readonly TextBuffer _text = new();
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
    /// <returns>How many requests were answered: those up to one that goes to the store alone, or that one.</returns>
    /// <exception cref="DurabilityLostException">The disk has failed, and the output has replies already that may not be sent.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<int> ExecuteAsync(ReadOnlyMemory<Request> requests, long stopAt)
    {
        if (LoneCommands.IsLone(requests.Span[0]))
        {
            await lone.ExecuteAsync(requests[..1]);
            return 1;
        }

        long mark = replies.BytesWritten;
        Operation[] operations = BatchPool<Operation>.Rent(requests.Length);
        (requests, int count) = ToOperations(requests, operations);
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
        _text.Clear();
        BatchPool<Operation>.Return(operations, count);
        _requests = default;
        return _answered;
    }

    /// <inheritdoc/>
    public void Dispose() => _text.Dispose();

    /// <inheritdoc/>
    bool IResultSink.OnResult(int index, in OperationResult result)
    {
        AnswerUpToNextOperation();
        ref readonly Request request = ref _requests.Span[_answered++];
        switch (request.Function)
        {
            case Function.Get when request.Options is null && result.Status is ResultStatus.Done or ResultStatus.NotFound:
                replies.WriteGet(request.NameText.Span, result.Status == ResultStatus.Done ? result.Value : "null"u8, request.IdText.Span);
                _told.Gets++;
                break;
            case Function.Put when request.Options is null && result.Status == ResultStatus.Done:
                replies.WritePut(request.NameText.Span, request.IdText.Span);
                _told.Puts++;
                break;
            default:
                WriteResult(request, result);
                break;
        }
        return replies.BytesWritten < _stopAt;
    }

    private void WriteResult(in Request request, in OperationResult result)
    {
        if (ResultErrors.Find(OperationMaker.KindOf(request), result) is { } error)
        {
            WriteError(request, error);
            return;
        }
        _text.Truncate(0);
        ResultText.Write(_text, request, result);
        replies.WriteResponse(request.Function, _text.Written, request.IdText.Span);
        _told.Count(request.Function);
    }

    /// <summary>The requests up to one that goes to the store alone, and how many operations they ask for.</summary>
    private (ReadOnlyMemory<Request> Requests, int Operations) ToOperations(ReadOnlyMemory<Request> requests, Operation[] operations)
    {
        int count = 0;
        ReadOnlySpan<Request> span = requests.Span;
        for (int i = 0; i < span.Length; i++)
        {
            ref readonly Request request = ref span[i];
            if (LoneCommands.IsLone(request)) return (requests[..i], count);
            if (request.Function > Function.Unknown) operations[count++] = OperationMaker.Make(request, time);
        }
        return (requests, count);
    }

    private void WriteError(in Request request, ProtocolError error)
    {
        replies.WriteError(error, request.IdText.Span);
        _told.CountError(error.Code, request.Function);
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
                    replies.WriteUnknownFunction(request.NameText.Span, request.IdText.Span);
                    _told.Count(Function.Unknown);
                    break;
                case Function.Invalid:
                    WriteError(request, request.Error!);
                    break;
                default:
                    return;
            }
        }
    }
}
