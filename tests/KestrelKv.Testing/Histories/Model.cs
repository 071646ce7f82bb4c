namespace KestrelKv.Testing.Histories;

/// <summary>A server that executes calls atomically, one at a time.</summary>
internal static class Model
{
    /// <returns>The state after the call; null if the call cannot have had this reply in this state.</returns>
    public static StoreState? TryApply(StoreState before, Call call)
    {
        var after = new StoreState(before);
        if (call.Reply is { RefusedAt: { } index } refusal) return TryRefuse(before, after, call.Steps, index, refusal.CurrentVersion);

        long version = call.Reply?.Version is > 0 and { } reported ? reported : after.NextUnknown;
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
        if (step.IfVersion is { } expected && !state.TryReport(step.Key, expected)) return false;
        ModelEntry entry = state[step.Key];
        if (step.IfExists is { } exists && exists != entry.Exists) return false;
        if (reply?.Found is { } found && found != entry.Exists) return false;
        if (step.Kind == StepKind.Get)
            return IsShown(entry, reply?.Value) && (reply?.Version is not { } shown || state.TryReport(step.Key, shown));

        ModelEntry after = After(step, entry, version);
        if (!IsShown(step.Kind == StepKind.Incr ? after : entry, reply?.Value)) return false;
        bool changesThis = entry.Exists || after.Exists;
        state[step.Key] = after;
        changes |= changesThis;
        return reply?.Version is not { } reported || reported == (changesThis ? version : 0);
    }

    private static bool IsShown(ModelEntry entry, long? value) => value is not { } shown || (entry.Exists && entry.Value == shown);

    private static ModelEntry After(Step step, ModelEntry entry, long version) => step.Kind switch
    {
        StepKind.Put => new(step.Argument, version),
        StepKind.Incr => new(entry.Value + step.Argument, version),
        StepKind.Delete => default,
        _ => throw new ArgumentOutOfRangeException(nameof(step)),
    };

    /// <summary>Checks that all preconditions before the failing one hold. Nothing is changed.</summary>
    private static StoreState? TryRefuse(StoreState before, StoreState planned, IReadOnlyList<Step> steps, int index, long current)
    {
        bool changes = false;
        for (int i = 0; i < index; i++)
            if (!TryApply(planned, steps[i], null, planned.NextUnknown, ref changes)) return null;

        Step refused = steps[index];
        bool isChanged = steps.Take(index).Any(step => step.Key == refused.Key && step.Kind != StepKind.Get);

        // If an earlier step changed the key, its version is new, so no request can expect it. The reply has the version before the
        // batch.
        bool exists = isChanged ? planned[refused.Key].Exists : current > 0;
        bool holds = refused.IfVersion is { } expected
            ? expected == (isChanged && exists ? long.MaxValue : exists ? current : 0)
            : refused.IfExists == exists;
        if (holds) return null;
        var after = new StoreState(before);
        return after.TryReport(refused.Key, current) ? after : null;
    }
}
