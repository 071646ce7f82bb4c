using System.Globalization;
using KestrelKv.Storage.Tests;
using KestrelKv.Testing.Histories;

namespace KestrelKv.Storage.Postgres.Tests.Cluster.Load;

/// <summary>Makes the calls of a history with stores, and records what the stores report.</summary>
internal static class StoreHistory
{
    /// <summary>Makes a call. One with a request id is repeated, each time with another store, until its outcome is known.</summary>
    /// <returns>Whether its outcome is known.</returns>
    public static async Task<bool> CallAsync(Func<PostgresStore> nextStore, History history, string keys, Call call)
    {
        // Calls of different loops of a store overtake each other, so there is no order but that of their times.
        history.Begin([call], connection: null);
        while (true)
        {
            try
            {
                history.End(call, await ExecuteAsync(nextStore(), keys, call));
                return true;
            }
            catch (Exception e) when (e is StoreUnavailableException)
            {
                // Not executed by this attempt.
                if (call.RequestId is not null) continue;
                history.Discard(call);
                return true;
            }
            catch (OutcomeUnknownException e)
            {
                if (call.RequestId is not null) continue;
                call.ReplyText = e.Message;
                return false;
            }
        }
    }

    private static async Task<CallReply> ExecuteAsync(PostgresStore store, string keys, Call call)
    {
        Operation[] operations = [.. call.Steps.Select(step => OperationOf(step, keys))];
        RequestId id = call.RequestId is null ? default : new(Calls.Utf8(call.RequestId));
        var sink = new RecordingSink();
        bool isDone;
        if (call.Form == CallForm.Unbatched)
        {
            operations[0] = operations[0] with { RequestId = id };
            await store.ExecuteAsync(operations, sink);
            isDone = sink.Results[0].Status is ResultStatus.Done or ResultStatus.NotFound;
        }
        else
        {
            isDone = await store.CommitAsync(operations, sink, id);
        }
        if (isDone) return Reply(call, sink.Results);
        Recorded refusal = Assert.Single(sink.Results);
        Assert.Equal(ResultStatus.PreconditionFailed, refusal.Status);
        return new(0, []) { RefusedAt = refusal.Index, CurrentVersion = refusal.Version };
    }

    private static Operation OperationOf(Step step, string keys)
    {
        ReadOnlyMemory<byte> key = Calls.Utf8(string.Create(CultureInfo.InvariantCulture, $"{keys}{step.Key}"));
        ReadOnlyMemory<byte> argument = Calls.Utf8(step.Argument.ToString(CultureInfo.InvariantCulture));
        Operation operation = step.Kind switch
        {
            StepKind.Get => Operation.Get(key),
            StepKind.Put => Operation.Put(key, argument),
            StepKind.Delete => Operation.Delete(key),
            _ => Operation.Increment(key, argument),
        };
        Precondition precondition = step.IfVersion is { } version ? Precondition.Version(version) : step.IfExists switch
        {
            true => Precondition.Present,
            false => Precondition.Absent,
            null => Precondition.None,
        };
        return operation with { Precondition = precondition, ReturnsOld = step.ReturnOld };
    }

    private static CallReply Reply(Call call, IReadOnlyList<Recorded> results)
    {
        StepReply[] steps = [.. call.Steps.Zip(results, Reply)];
        long version = call.Steps.Zip(steps).Where(pair => pair.First.Kind != StepKind.Get).Max(pair => pair.Second.Version) ?? 0;
        return new(version, steps);
    }

    private static StepReply Reply(Step step, Recorded result)
    {
        string text = step.Kind is StepKind.Get or StepKind.Incr ? result.Value : result.OldValue;
        long? value = text.Length == 0 ? null : long.Parse(text, CultureInfo.InvariantCulture);
        return new(step.Kind == StepKind.Get ? result.Status == ResultStatus.Done : result.PreviousVersion != 0, value, result.Version);
    }
}
