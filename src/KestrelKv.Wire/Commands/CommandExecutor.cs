using KestrelKv.Protocol;
using KestrelKv.Storage;

namespace KestrelKv.Wire;

/// <summary>
/// Executes requests against the store, as many at a time as it can take together, and writes the replies in their order.
/// </summary>
/// <remarks>Knows no socket. One belongs to one connection: it is not for use by two threads at once.</remarks>
internal sealed class CommandExecutor(
    IKeyValueStore store, ReplyWriter replies, ConnectionCounters counters, UnbatchedCommands unbatched, ReplyRoom room, TimeProvider time)
    : IResultSink, IDisposable
{
    // What is told counts once the store has completed the call, for only then it is so.
    private readonly ConnectionCounters _told = new();
    private readonly TextBuffer _text = new(room.Budget);

    // What is being executed; no operations where it is a request that goes to the store alone.
    private ReadOnlyMemory<Request> _requests;
    private Operation[] _operations = [];
    private int _count;
    private int _answered;
    private long _stopAt;
    private long _mark;
    private long _begunAt;
    private bool _isSecondTry;
    private CancellationToken _cancellation;

    /// <summary>Whether the requests took so long that the next ones are not for an event loop's thread.</summary>
    public bool TookLong { get; private set; }

    /// <summary>
    /// Begins to execute requests, from the first on. To be awaited, and what it gives to be handed to <see cref="End"/>: in two steps, so
    /// that the wait for the disk is the caller's own, for which nothing has to be allocated.
    /// </summary>
    /// <param name="requests">At least one.</param>
    /// <param name="stopAt">
    /// To stop after the request whose reply takes <see cref="ReplyWriter.BytesWritten"/> to this figure.
    /// </param>
    /// <param name="cancellationToken">Cancels a request that is executed alone, and ends a group after the current request.</param>
    /// <exception cref="DurabilityLostException">The disk has failed: see <see cref="MayTryAgain"/>.</exception>
    public ValueTask<int> BeginAsync(ReadOnlyMemory<Request> requests, long stopAt, CancellationToken cancellationToken)
    {
        TookLong = false;
        room.Begin();
        if (UnbatchedCommands.IsUnbatched(requests.Span[0])) return ExecuteUnbatchedAsync(requests[..1], cancellationToken);

        _mark = replies.BytesWritten;
        _operations = BatchPool<Operation>.Rent(requests.Length);
        (_requests, _count) = ToOperations(requests, _operations, out int old);
        _answered = 0;
        _stopAt = stopAt;
        _begunAt = 0;
        _cancellation = cancellationToken;
        _told.Clear();
        if (old >= 0 && !room.TryReserveFor(requests.Span[old])) return new(0);

        // The store's call is not cancelled: its wait for the disk would have to be an object.
        ValueTask<int> executing = store.ExecuteAsync(_operations.AsMemory(0, _count), this, CancellationToken.None);
        if (executing.IsCompleted || _answered == _requests.Length) room.Release();
        return executing;
    }

    /// <summary>Answers what has been executed. The replies may be sent now.</summary>
    /// <param name="executed">What <see cref="BeginAsync"/> gave.</param>
    /// <returns>
    /// How many requests were answered: those up to one that goes to the store alone, or that one. None if the first one needs room for
    /// its reply: see <see cref="ReplyRoom.Needed"/>.
    /// </returns>
    public int End(int executed)
    {
        _isSecondTry = false;
        room.Release();
        if (_operations.Length == 0) return executed;
        if (executed == _count) AnswerUpToNextOperation();
        counters.Add(_told);
        Clear();
        return _answered;
    }

    /// <summary>
    /// Whether the requests that were lost to the disk may be executed again: the output has no reply of theirs yet. They are then refused, or
    /// read what is on disk. Otherwise replies tell what may not be so after a restart, and must not be sent.
    /// </summary>
    public bool MayTryAgain()
    {
        room.Release();
        if (_operations.Length == 0) return false;
        Clear();
        _isSecondTry = !_isSecondTry && replies.TryTakeBack(_mark);
        return _isSecondTry;
    }

    /// <summary>Answers a request that found no room for its reply in time, and was not executed.</summary>
    public void RefuseForRoom(in Request request)
    {
        _told.Clear();
        WriteError(request, ProtocolError.RepliesFull);
        counters.Add(_told);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        room.Release();
        _text.Dispose();
    }

    /// <inheritdoc/>
    bool IResultSink.OnResult(int index, in OperationResult result)
    {
        AnswerUpToNextOperation();
        ref readonly Request request = ref _requests.Span[_answered];
        if (result.Value.Length > ReplyWriter.SmallBytesMax && request.Function == Function.Get && !room.HasRoomFor(result.Value.Length))
            return false;
        _answered++;
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
        return replies.BytesWritten < _stopAt && (request.Options is null || !IsLong());
    }

    /// <summary>Whether the group should end here; others wait for this thread. Looked at after requests that may read whole values.</summary>
    private bool IsLong()
    {
        if (_begunAt == 0) _begunAt = time.GetTimestamp();
        else TookLong |= LoopWork.IsHere && LoopWork.IsTooLong(_begunAt, time);
        return TookLong || _cancellation.IsCancellationRequested;
    }

    private async ValueTask<int> ExecuteUnbatchedAsync(ReadOnlyMemory<Request> one, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (!room.TryReserveFor(one.Span[0])) return 0;
        if (LoopWork.IsHere && LoopWork.IsTooLong(one.Span[0])) await Task.Yield();
        await unbatched.ExecuteAsync(one, cancellationToken);
        return 1;
    }

    private void Clear()
    {
        _text.Clear();
        BatchPool<Operation>.Return(_operations, _count);
        _operations = [];
        _requests = default;
    }

    private void WriteResult(in Request request, in OperationResult result)
    {
        if (ResultErrors.Find(OperationMapper.KindOf(request), result) is { } error)
        {
            WriteError(request, error);
            return;
        }
        _text.Truncate(0);
        ResultText.Write(_text, request, result);
        replies.WriteResponse(request.Function, default, _text, default, request.IdText.Span);
        _told.Count(request.Function);
    }

    /// <summary>The requests up to one that goes to the store alone, and how many operations they ask for.</summary>
    /// <param name="requests">The requests.</param>
    /// <param name="operations">Takes the operations.</param>
    /// <param name="old">The place of a request that returns the old value, or -1.</param>
    private (ReadOnlyMemory<Request> Requests, int Operations) ToOperations(
        ReadOnlyMemory<Request> requests, Operation[] operations, out int old)
    {
        int count = 0;
        old = -1;
        ReadOnlySpan<Request> span = requests.Span;
        for (int i = 0; i < span.Length; i++)
        {
            ref readonly Request request = ref span[i];
            if (UnbatchedCommands.IsUnbatched(request)) return (requests[..i], count);
            if (request.Function <= Function.Unknown) continue;
            operations[count++] = OperationMapper.Map(request, store.Clock);
            if (request.Options is { ReturnsOld: true }) old = i;
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
