namespace KestrelKv.Server.Tests.Histories;

/// <summary>What a server does that executes one call after the other, each at once and whole.</summary>
internal static class Model
{
    /// <summary>Executes a call.</summary>
    /// <returns>What there is after it; null where the call can't have been executed here with the reply that it has.</returns>
    public static StoreState? TryApply(StoreState before, Call call)
    {
        var after = new StoreState(before);
        if (call.Reply is { RefusedAt: { } index } refusal) return TryRefuse(before, after, call.Steps, index, refusal.CurrentVersion);

        long version = call.Reply?.Version is > 0 and { } told ? told : after.NextUntold;
        bool changes = false;
        for (int i = 0; i < call.Steps.Count; i++)
            if (!TryApply(after, call.Steps[i], call.Reply?.Steps[i], version, ref changes)) return null;

        if (call.Reply?.Version is not { } commit) return after;
        if (changes ? commit <= before.Last : commit != 0) return null;
        after.Last = Math.Max(after.Last, commit);
        return after;
    }

    private static bool TryApply(StoreState state, Step step, StepReply? reply, long version, ref bool changes)
    {
        if (step.IfVersion is { } expected && !state.TryTell(step.Key, expected)) return false;
        ModelEntry entry = state[step.Key];
        if (step.IfExists is { } exists && exists != entry.IsThere) return false;
        if (reply?.Found is { } found && found != entry.IsThere) return false;
        if (step.Kind == StepKind.Get) return IsShown(entry, reply?.Value) && (reply?.Version is not { } shown || state.TryTell(step.Key, shown));

        ModelEntry after = After(step, entry, version);
        if (!IsShown(step.Kind == StepKind.Incr ? after : entry, reply?.Value)) return false;
        bool changesThis = entry.IsThere || after.IsThere;
        state[step.Key] = after;
        changes |= changesThis;
        return reply?.Version is not { } told || told == (changesThis ? version : 0);
    }

    private static bool IsShown(ModelEntry entry, long? value) => value is not { } shown || (entry.IsThere && entry.Value == shown);

    private static ModelEntry After(Step step, ModelEntry entry, long version) => step.Kind switch
    {
        StepKind.Put => new(step.Argument, version),
        StepKind.Incr => new(entry.Value + step.Argument, version),
        StepKind.Delete => default,
        _ => throw new ArgumentOutOfRangeException(nameof(step)),
    };

    /// <summary>All preconditions before the one that did not hold did, and nothing was changed.</summary>
    private static StoreState? TryRefuse(StoreState before, StoreState rehearsal, IReadOnlyList<Step> steps, int index, long current)
    {
        bool changes = false;
        for (int i = 0; i < index; i++)
            if (!TryApply(rehearsal, steps[i], null, rehearsal.NextUntold, ref changes)) return null;

        Step refused = steps[index];
        bool isChanged = steps.Take(index).Any(step => step.Key == refused.Key && step.Kind != StepKind.Get);

        // What an earlier step has made of the key has a version that nobody can have asked for; told is the one that there still is.
        bool isThere = isChanged ? rehearsal[refused.Key].IsThere : current > 0;
        bool holds = refused.IfVersion is { } expected ? expected == (isChanged && isThere ? long.MaxValue : isThere ? current : 0) : refused.IfExists == isThere;
        if (holds) return null;
        var after = new StoreState(before);
        return after.TryTell(refused.Key, current) ? after : null;
    }
}
