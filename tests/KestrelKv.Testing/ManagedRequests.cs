using KestrelKv.Storage;
using KestrelKv.Storage.Embedded;

namespace KestrelKv.Testing;

/// <summary>The idempotency records of <see cref="ManagedStore"/>.</summary>
internal sealed class ManagedRequests
{
    private static readonly TimeSpan Window = TimeSpan.FromMinutes(5);

    private readonly Dictionary<byte[], Request> _requests = new(KeyComparer.Instance);

    public int Count => _requests.Count;

    /// <summary>Executes a batch, or passes on the recorded results of its request id.</summary>
    public bool Execute(
        ReadOnlySpan<Operation> batch, RequestId requestId, long now, IResultSink results, ref long version,
        Func<IResultSink, (bool Committed, bool Changed)> execute)
    {
        string text = Describe(batch);
        byte[] id = requestId.Bytes.ToArray();
        if (_requests.TryGetValue(id, out Request? known) && known.ExpiresAt <= now)
        {
            _requests.Remove(id);
            version++;
            known = null;
        }
        bool isLate = known is not null && requestId.Sequence < known.Sequence;
        if (known is not null && requestId.Sequence > known.Sequence) known = null;
        if (isLate || (known is not null && known.Text != text))
        {
            string? detail = isLate ? IdempotencyRecord.SequenceTooLow(requestId.Sequence, known!.Sequence) : null;
            results.OnResult(0, new() { Status = ResultStatus.RequestIdReused, Detail = detail });
            return false;
        }
        if (known is null)
        {
            var recording = new Recording();
            (bool committed, bool changed) = execute(recording);

            // The record itself is a commit.
            if (!changed) version++;
            _requests[id] = known = new(text, requestId.Sequence, committed, recording.Results, now + (long)Window.TotalMilliseconds);
        }
        foreach (ManagedResult result in known.Results) result.PassTo(results);
        return known.Committed;
    }

    public int RemoveExpired(long now)
    {
        byte[][] expired = [.. _requests.Where(request => request.Value.ExpiresAt <= now).Select(request => request.Key)];
        foreach (byte[] id in expired) _requests.Remove(id);
        return expired.Length;
    }

    private static string Describe(ReadOnlySpan<Operation> batch)
    {
        string text = "";
        foreach (ref readonly Operation operation in batch)
        {
            text += $"{operation.Kind} {Convert.ToHexString(operation.Key.Span)} {Convert.ToHexString(operation.Value.Span)} "
                + $"{Convert.ToHexString(operation.Path.Span)} {operation.Precondition.Rule} {operation.KeepsExpiry} {operation.ReturnsOld}; ";
        }
        return text;
    }

    private sealed record Request(string Text, long Sequence, bool Committed, List<ManagedResult> Results, long ExpiresAt);

    private sealed class Recording : IResultSink
    {
        public List<ManagedResult> Results { get; } = [];

        public bool OnResult(int index, in OperationResult result)
        {
            Results.Add(ManagedResult.Of(index, result));
            return true;
        }
    }
}
