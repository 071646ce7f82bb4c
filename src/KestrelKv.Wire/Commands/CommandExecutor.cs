using KestrelKv.Protocol;
using KestrelKv.Storage;

namespace KestrelKv.Wire;

/// <summary>Executes groups of requests, each in one store call, and writes the replies in order.</summary>
/// <remarks>
/// A group ends before the first request that cannot be batched: see <see cref="UnbatchedCommands"/>. An executor uses no socket. It
/// belongs to one connection, and must not be used by two threads at once.
/// </remarks>
internal sealed class CommandExecutor(
    IKeyValueStore store, ReplyWriter replies, ConnectionCounters counters, ReplyRoom room, RequestSpans spans, TimeProvider time)
    : IResultSink, IDisposable
{
    // Counts of the group, which are added to those of the connection once the store has completed the call.
    private readonly ConnectionCounters _counts = new();
    private readonly TextBuffer _text = new(room.Budget);

    // The current group.
    private ReadOnlyMemory<Request> _requests;
    private Operation[] _operations = [];
    private int _count;
    private int _answered;
    private long _stopAt;
    private long _mark;
    private long _begunAt;
    private CancellationToken _cancellation;

    /// <summary>Whether the group took so long that the next one must not run on an event loop's thread.</summary>
    public bool TookLong { get; private set; }

    /// <summary>
    /// Begins a group of requests. The caller awaits the result and passes it to <see cref="End"/>. The caller itself thus waits for the
    /// disk, which allocates nothing.
    /// </summary>
    /// <param name="requests">At least one request. The first one can be batched.</param>
    /// <param name="stopAt">The value of <see cref="ReplyWriter.BytesWritten"/> at which the group ends.</param>
    /// <param name="cancellationToken">Ends the group after the current request.</param>
    /// <exception cref="StoreFailureException">The store has failed; see <see cref="TryRetract"/>.</exception>
    public ValueTask<int> BeginAsync(ReadOnlyMemory<Request> requests, long stopAt, CancellationToken cancellationToken)
    {
        TookLong = false;
        _mark = replies.BytesWritten;
        _operations = BatchPool<Operation>.Rent(requests.Length);
        (_requests, _count) = ToOperations(requests, _operations, out int old);
        _answered = 0;
        _stopAt = stopAt;
        _begunAt = 0;
        _cancellation = cancellationToken;
        _counts.Clear();
        if (old >= 0 && !room.TryReserveFor(requests.Span[old])) return new(0);

        // The store call cannot be canceled, because a cancelable wait for the disk would allocate an object.
        ValueTask<int> executing = store.ExecuteAsync(_operations.AsMemory(0, _count), this, CancellationToken.None);
        if (executing.IsCompleted || _answered == _requests.Length) room.Release();
        return executing;
    }

    /// <summary>Ends the group. Its replies may be sent now.</summary>
    /// <param name="executed">The result of <see cref="BeginAsync"/>.</param>
    /// <returns>The number of answered requests; 0 if the first one needs room for its reply.</returns>
    public int End(int executed)
    {
        room.Release();
        if (executed == _count) AnswerUpToNextOperation();
        counters.Add(_counts);
        Clear();
        return _answered;
    }

    /// <summary>
    /// Ends a group whose store call has failed, and retracts its replies. The group may then be executed again, or refused. Returns false
    /// if the output already has some replies; the connection must then be closed.
    /// </summary>
    public bool TryRetract()
    {
        room.Release();
        Clear();
        spans.Retract();
        return replies.TryRetract(_mark);
    }

    /// <summary>Writes the error of a failed store call as the reply to each request of a retracted group that needs the store.</summary>
    /// <param name="requests">The requests, as in <see cref="BeginAsync"/>.</param>
    /// <param name="failure">The failure.</param>
    /// <returns>The number of answered requests.</returns>
    public int Refuse(ReadOnlyMemory<Request> requests, StoreFailureException failure)
    {
        _counts.Clear();
        (_answered, _requests) = (0, requests);
        AnswerUpToNextOperation();
        while (_answered < requests.Length && requests.Span[_answered] is var request && !UnbatchedCommands.IsUnbatched(request))
        {
            WriteError(request, ResultErrors.Of(failure, request.Function), _answered++);
            AnswerUpToNextOperation();
        }
        counters.Add(_counts);
        _requests = default;
        return _answered;
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

        // Expiries, preconditions and request ids do not change the reply to a read or write of a whole value.
        bool isPlain = request.Options is null ||
            (request.Function <= Function.Put && request.Options is { HasPath: false, Meta: false, ReturnsOld: false });
        switch (request.Function)
        {
            case Function.Get when isPlain && result.Status is ResultStatus.Done or ResultStatus.NotFound:
                replies.WriteGet(request.NameText.Span, result.Status == ResultStatus.Done ? result.Value : "null"u8, request.IdText.Span);
                _counts.Gets++;
                break;
            case Function.Put when isPlain && result.Status == ResultStatus.Done:
                replies.WritePut(request.NameText.Span, request.IdText.Span);
                _counts.Puts++;
                break;
            default:
                WriteResult(request, result);
                break;
        }
        return replies.BytesWritten < _stopAt && (isPlain || !MustEnd());
    }

    /// <summary>
    /// Whether the group must end: it is canceled, or has occupied an event loop's thread for too long. Checked after requests that may
    /// read whole values.
    /// </summary>
    private bool MustEnd()
    {
        if (_begunAt == 0) _begunAt = time.GetTimestamp();
        else TookLong |= LoopWork.IsHere && LoopWork.IsTooLong(_begunAt, time);
        return TookLong || _cancellation.IsCancellationRequested;
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
            WriteError(request, error, _answered - 1);
            return;
        }
        _text.Truncate(0);
        ResultText.Write(_text, request, result);
        replies.WriteResponse(request.Function, default, _text, default, request.IdText.Span);
        _counts.Count(request.Function);
    }

    /// <summary>
    /// Maps the requests up to the first one that cannot be batched. <paramref name="old"/> is the index of a request that returns the old
    /// value, or -1.
    /// </summary>
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

    private void WriteError(in Request request, ProtocolError error, int index)
    {
        replies.WriteError(error, request.IdText.Span);
        spans.Fail(index, error.Code);
        _counts.CountError(error.Code, request.Function);
    }

    /// <summary>Writes the replies to requests that need no store call, up to the next request that does.</summary>
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
                    _counts.Count(Function.Unknown);
                    break;
                case Function.Invalid:
                    WriteError(request, request.Error!, _answered);
                    break;
                default:
                    return;
            }
        }
    }
}
