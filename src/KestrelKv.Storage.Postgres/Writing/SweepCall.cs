namespace KestrelKv.Storage.Postgres.Writing;

/// <summary>The removal of expired entries.</summary>
internal sealed class SweepCall() : StoreCall(CancellationToken.None)
{
    /// <summary>The maximum number of entries that one sweep removes.</summary>
    public const int EntriesMax = 1_000;

    /// <inheritdoc/>
    public override int Operations => 0;

    /// <inheritdoc/>
    protected override void AddKeys(GroupKeys keys)
    {
    }

    /// <inheritdoc/>
    protected override ValueTask<bool> EvaluateAsync(Workspace workspace)
    {
        long before = workspace.Log.Last;
        workspace.RemoveExpired();
        Result = (int)(workspace.Log.Last - before);
        return new(true);
    }
}
