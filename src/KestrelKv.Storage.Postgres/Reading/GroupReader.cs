using KestrelKv.Storage.Postgres.Sessions;
using KestrelKv.Storage.Postgres.Writing;

namespace KestrelKv.Storage.Postgres.Reading;

/// <summary>Executes the calls that only read, in groups: one snapshot and one trip for each group.</summary>
/// <remarks>
/// A snapshot may contain a commit that no standby has yet, and this server may have been superseded. The results are therefore used only
/// after a fence (<see cref="Trip.AddFence"/>). Calls that waive the fence have a loop of their own, so that they do not wait for
/// others.
/// </remarks>
internal sealed class GroupReader(
    SnapshotReader snapshots, Door door, PostgresStoreOptions options, PostgresMetrics metrics, bool isFenced)
{
    private readonly TripKind _kind = isFenced ? TripKind.Read : TripKind.UnfencedRead;

    public async Task ExecuteAsync(List<StoreCall> group, Workspace workspace)
    {
        metrics.RecordReadGroup(group.Sum(call => call.Operations), isFenced);
        (CommitRow newest, GroupRows rows) = await Attempts.RepeatAsync(
            left => ReadAsync(workspace.Keys, left), options.RequestTimeout, metrics);
        workspace.Begin(newest, door.Clock.Now());
        rows.LoadInto(workspace);
        foreach (StoreCall call in group)
        {
            await call.EvaluateAsync(workspace);
            call.Complete();
        }
    }

    private Task<(CommitRow Newest, GroupRows Rows)> ReadAsync(GroupKeys keys, TimeSpan timeout)
    {
        var rows = new GroupRows(keys, expiredAt: null);
        return snapshots.ReadAsync(
            _kind, rows.AddTo,
            async (newest, results) =>
            {
                await rows.ReadAsync(results);
                return (newest, rows);
            },
            isFenced, timeout);
    }
}
