using KestrelKv.Testing.Histories;

namespace KestrelKv.Client.Tests.Chaos;

/// <summary>Makes the calls of a history with the client, and records what the client reports.</summary>
internal static class ClientHistory
{
    /// <summary>Makes a call. A call with a request id is one that the client retries.</summary>
    /// <returns>Whether its outcome is known.</returns>
    public static async Task<bool> CallAsync(KestrelKvClient client, History history, string keys, Call call, TimeSpan timeout)
    {
        // Calls of different lanes overtake each other, so there is no order but that of their times.
        history.Begin([call], connection: null);
        try
        {
            history.End(call, await ExecuteAsync(client, keys, call, timeout));
            return true;
        }
        catch (NotSentException)
        {
            history.Discard(call);
            return true;
        }
        catch (OutcomeUnknownException e)
        {
            call.ReplyText = e.Message;
            return false;
        }
    }

    private static Task<CallReply> ExecuteAsync(KestrelKvClient client, string keys, Call call, TimeSpan timeout) => call.Form switch
    {
        CallForm.MGet => GetManyAsync(client, keys, call, timeout),
        CallForm.Batch => CommitAsync(client, keys, call, timeout),
        _ => OneAsync(client, keys, call, timeout),
    };

    private static async Task<CallReply> GetManyAsync(KestrelKvClient client, string keys, Call call, TimeSpan timeout)
    {
        IReadOnlyList<Entry<long>> entries =
            await client.GetManyAsync<long>([.. call.Steps.Select(step => Key(keys, step))], new() { Timeout = timeout });
        return new(0, [.. entries.Select(Reply)]);
    }

    private static async Task<CallReply> OneAsync(KestrelKvClient client, string keys, Call call, TimeSpan timeout)
    {
        Step step = call.Steps[0];
        string key = Key(keys, step);
        WriteOptions options = Options(step) with { Retry = Retry(call), Timeout = timeout };
        switch (step.Kind)
        {
            case StepKind.Get:
                return new(0, [Reply(await client.GetAsync<long>(key, new() { Timeout = timeout }))]);
            case StepKind.Incr:
                IncrementResult<long> sum = await client.IncrementAsync(key, step.Argument, options with { ReturnOld = false });
                return sum.Applied ? new(sum.Version, [Reply(sum)]) : Refused(0, sum.Version);
            default:
                WriteResult write = step.Kind == StepKind.Put
                    ? await client.PutAsync(key, step.Argument, options)
                    : await client.DeleteAsync(key, options);
                return write.Applied ? new(write.Version, [Reply(write)]) : Refused(0, write.Version);
        }
    }

    private static async Task<CallReply> CommitAsync(KestrelKvClient client, string keys, Call call, TimeSpan timeout)
    {
        Batch batch = client.CreateBatch();
        foreach (Step step in call.Steps)
        {
            string key = Key(keys, step);
            _ = step.Kind switch
            {
                StepKind.Get => batch.Get(key),
                StepKind.Incr => batch.Increment(key, step.Argument, Options(step) with { ReturnOld = false }),
                StepKind.Put => batch.Put(key, step.Argument, Options(step)),
                _ => batch.Delete(key, Options(step)),
            };
        }
        BatchResult result = await batch.CommitAsync(new() { Retry = Retry(call), Timeout = timeout });
        if (!result.Applied) return Refused(result.FailedIndex ?? 0, result.Version);
        return new(result.Version, [.. call.Steps.Select((step, index) => step.Kind switch
        {
            StepKind.Get => Reply(result.GetEntry<long>(index)),
            StepKind.Incr => Reply(result.GetIncrement(index)),
            _ => Reply(result.GetWrite(index)),
        })]);
    }

    private static WriteRetry Retry(Call call) => call.RequestId is null ? WriteRetry.AtMostOnce : WriteRetry.ExactlyOnce;

    private static WriteOptions Options(Step step) => new() { IfVersion = step.IfVersion, IfExists = step.IfExists, ReturnOld = step.ReturnOld };

    private static string Key(string keys, Step step) => $"{keys}{step.Key}";

    private static CallReply Refused(int index, long version) => new(0, []) { RefusedAt = index, CurrentVersion = version };

    private static StepReply Reply(Entry<long> entry) => new(entry.Found, entry.Found ? entry.Value : null, entry.Version);

    private static StepReply Reply(IncrementResult<long> sum) => new(sum.Existed, sum.Value, sum.Version);

    private static StepReply Reply(WriteResult write) => new(
        write.Existed, !write.Old.IsEmpty && !write.Old.Span.SequenceEqual("null"u8) ? long.Parse(write.Old.Span, null) : null, write.Version);
}
