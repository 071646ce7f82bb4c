using KestrelKv.Storage.Postgres.Sessions;

namespace KestrelKv.Storage.Postgres.Writing;

/// <summary>The second trip of a write group: everything that the group changes, and COMMIT.</summary>
internal sealed class GroupCommit(Guid door, long sequence, CommitRow before, Workspace workspace)
{
    /// <summary>The number of groups after which a door deletes the claims of its earlier groups, whose outcomes are known.</summary>
    private const int ClaimsKept = 64;

    internal const string Put =
        """
        INSERT INTO entries (key, value, version, expires_at) SELECT * FROM unnest($1, $2, $3, $4)
        ON CONFLICT (key) DO UPDATE SET value = excluded.value, version = excluded.version, expires_at = excluded.expires_at
        """;

    internal const string Update =
        """
        UPDATE entries SET version = u.version, expires_at = u.expires_at
        FROM unnest($1, $2, $3) AS u (key, version, expires_at) WHERE entries.key = u.key
        """;

    internal const string Delete = "DELETE FROM entries WHERE key = ANY($1)";

    private readonly GroupChanges _changes = workspace.Compare();
    private readonly (long[] Versions, byte[][] Records) _log = workspace.Log.Changes;
    private readonly bool _isCommit = workspace.Log.Last > before.Version;
    private readonly long _lastVersion = workspace.Log.Last;
    private readonly Guid _id = Guid.NewGuid();
    private readonly long _now = workspace.Now;

    /// <summary>Whether the group changes anything. Otherwise it is a fenced read.</summary>
    public bool HasChanges => _isCommit || !_changes.IsEmpty;

    /// <summary>The newest row of <c>commits</c> after the group.</summary>
    public CommitRow After => !_isCommit ? before : new(
        _lastVersion, _id, before.Keys + _changes.Keys, before.Bytes + _changes.Bytes, before.RequestIds + _changes.RequestIds, _now);

    public async Task ExecuteAsync(Session session)
    {
        await using Trip trip = session.StartTrip();
        if (HasChanges) AddChanges(trip);
        else trip.AddFence();
        trip.Add("COMMIT");
        await trip.ExecuteAsync();
    }

    private void AddChanges(Trip trip)
    {
        // First, so that a group that the resolver has aborted changes nothing else.
        trip.Add("INSERT INTO claims VALUES ($1, $2, true, $3)", Parameter.Of(door), Parameter.Of(sequence), Parameter.Of(_now));
        if (_changes.Puts is { Count: > 0 } puts)
        {
            trip.Add(
                Put, Parameter.Of([.. puts.Select(put => put.Key)]), Parameter.Of([.. puts.Select(put => put.Value)]),
                Parameter.Of([.. puts.Select(put => put.Version)]), Parameter.Of([.. puts.Select(put => put.ExpiresAt)]));
        }
        if (_changes.Updates is { Count: > 0 } updates)
        {
            trip.Add(
                Update, Parameter.Of([.. updates.Select(update => update.Key)]),
                Parameter.Of([.. updates.Select(update => update.Version)]),
                Parameter.Of([.. updates.Select(update => update.ExpiresAt)]));
        }
        if (_changes.Deletes is { Count: > 0 } deletes) trip.Add(Delete, Parameter.Of([.. deletes]));
        if (_log.Versions.Length > 0)
            trip.Add("INSERT INTO changes SELECT * FROM unnest($1, $2)", Parameter.Of(_log.Versions), Parameter.Of(_log.Records));
        if (_isCommit)
        {
            trip.Add(
                "INSERT INTO commits VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                Parameter.Of(After.Version), Parameter.Of(before.Version + 1),
                Parameter.Of(door), Parameter.Of(sequence), Parameter.Of(After.Id), Parameter.Of(After.Keys), Parameter.Of(After.Bytes),
                Parameter.Of(After.RequestIds), Parameter.Of(After.Clock));
        }

        // Not those of aborted groups: their transactions may still arrive.
        if (sequence % ClaimsKept == 0)
            trip.Add("DELETE FROM claims WHERE door = $1 AND seq < $2 AND committed", Parameter.Of(door), Parameter.Of(sequence));
    }
}
