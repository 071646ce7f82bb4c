using System.Buffers;
using System.Diagnostics;
using KestrelKv.Protocol;
using KestrelKv.Storage;

namespace KestrelKv.Wire;

/// <summary>Executes requests on single keys as one atomic batch, and gathers what they answer.</summary>
/// <param name="store">The store.</param>
/// <param name="time">The clock by which entries expire.</param>
/// <param name="room">Is released once the results are gathered; null if none is reserved.</param>
internal sealed class AtomicExecution(IKeyValueStore store, TimeProvider time, ReplyRoom? room = null) : IResultSink
{
    private ReadOnlyMemory<Request> _requests;
    private TextBuffer _text = null!;

    /// <summary>Why nothing was done, with the index of what was refused; null where all was.</summary>
    public ProtocolError? Error { get; private set; }

    /// <summary>The version of the commit; 0 where nothing was changed.</summary>
    public long Version { get; private set; }

    /// <summary>Executes all or none. Afterwards the results may be shown.</summary>
    /// <param name="requests">At least one, all on one key each.</param>
    /// <param name="requestId">What the client calls them; empty for nothing.</param>
    /// <param name="text">Where their response objects are written, with commas between them, if there is no error.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <exception cref="DurabilityLostException">The disk has failed, twice while this was executed.</exception>
    public async ValueTask ExecuteAsync(
        ReadOnlyMemory<Request> requests, ReadOnlyMemory<byte> requestId, TextBuffer text, CancellationToken cancellationToken = default)
    {
        Operation[] operations = ArrayPool<Operation>.Shared.Rent(requests.Length);
        for (int i = 0; i < requests.Length; i++) operations[i] = OperationMaker.Make(requests.Span[i], time);
        int mark = text.Length;
        for (bool again = false; ; again = true)
        {
            (_requests, _text, Error, Version) = (requests, text, null, 0);
            try
            {
                ValueTask<bool> committing = store.CommitAsync(operations.AsMemory(0, requests.Length), this, requestId, cancellationToken);

                // The wait for the disk needs no more room than the results take.
                if (text.Length > mark) room?.Release();
                bool committed = await committing;
                if (!committed && Error is null) throw new UnreachableException("A batch was refused for no reason.");
                break;
            }
            catch (DurabilityLostException) when (!again)
            {
                // What was gathered tells what may not be so after a restart, and nobody has seen it. Executed again, writes
                // are refused, and reads give what is on disk.
                text.Truncate(mark);
            }
        }
        Array.Clear(operations, 0, requests.Length);
        ArrayPool<Operation>.Shared.Return(operations);
        (_requests, _text) = (default, null!);
    }

    /// <inheritdoc/>
    bool IResultSink.OnResult(int index, in OperationResult result)
    {
        ref readonly Request request = ref _requests.Span[index];
        if (ResultErrors.Find(OperationMaker.KindOf(request), result) is { } error)
        {
            Error ??= error with { Index = index };
            return true;
        }

        if (request.Function != Function.Get && result.Status == ResultStatus.Done) Version = Math.Max(Version, result.Version);
        if (index > 0) _text.Write(", "u8);
        ResultText.Write(_text, request, result);
        return true;
    }
}
