using KestrelKv.Storage.Commits;
using KestrelKv.Storage.Embedded;

namespace KestrelKv.Storage.Postgres.Writing;

/// <summary>
/// Evaluates groups of calls with the embedded engine: the entries of a group's keys are loaded into an empty engine, the calls run on
/// it, and the difference is written to the database.
/// </summary>
/// <remarks>
/// Both engines therefore have the same results, by construction. An entry whose value no operation of the group reads is loaded with an
/// empty value. The workspace is reused and empty between groups. For one thread at a time.
/// </remarks>
internal sealed class Workspace : IDisposable
{
    private readonly GroupClock _clock = new();
    private readonly Keyspace _entries;

    public Workspace(PostgresStoreOptions options)
    {
        EmbeddedStoreOptions evaluation = options.ForEvaluation();
        Log = new(options.GroupValueBytesMax);
        _entries = new Keyspace(_clock, evaluation);
        _entries.UseSmallPages();
        Engine = new EmbeddedStore(_entries, Log, evaluation, _clock);
        Engine.StopSweeping();
    }

    /// <summary>The engine. It has the entries of <see cref="Keys"/> and no others.</summary>
    public EmbeddedStore Engine { get; }

    public GroupKeys Keys { get; } = new();

    public GroupLog Log { get; }

    /// <summary>The time of the group, in milliseconds of Unix time. It never decreases.</summary>
    public long Now => _entries.Clock.Now();

    /// <summary>Begins the evaluation of a group. <see cref="Keys"/> must be complete.</summary>
    public void Begin(in CommitRow newest, long now)
    {
        _clock.Now = Math.Max(now, newest.Clock);
        Log.Begin(newest.Version);
    }

    /// <summary>Loads an entry. Without a value, only its length is known.</summary>
    public void Load(in EntryRow row)
    {
        GroupKey key = Keys.Add(row.Key);
        (key.Version, key.ExpiresAt, key.ValueBytes) = (row.Version, row.ExpiresAt, row.ValueBytes);
        if (row.IsCut) Keys.Cut(key);
        Apply(new Record { Kind = RecordKind.Put, Key = row.Key, Value = row.Value, ExpiresAt = row.ExpiresAt }, row.Version);
    }

    /// <summary>Removes all entries that have expired, each in a commit of its own.</summary>
    public void RemoveExpired()
    {
        long now = Now;
        foreach (Shard shard in _entries.Shards)
        {
            shard.Enter();
            try
            {
                while (shard.TryRemoveExpired(Log, now))
                {
                }
            }
            finally
            {
                shard.Exit();
            }
        }
    }

    /// <summary>Returns the difference between the loaded entries and the current ones.</summary>
    public GroupChanges Compare()
    {
        var changes = new GroupChanges();
        foreach (GroupKey key in Keys.All) Compare(key, changes);
        return changes;
    }

    /// <summary>Empties the workspace.</summary>
    public void Clear()
    {
        foreach (GroupKey key in Keys.All) Apply(new Record { Kind = RecordKind.Delete, Key = key.Name }, long.MaxValue);
        Keys.Clear();
        Log.Begin(0);
    }

    public void Dispose() => Engine.Dispose();

    private void Compare(GroupKey key, GroupChanges changes)
    {
        bool isInternal = InternalKey.Is(key.Name);
        int keys = key.Version != 0 ? -1 : 0;
        long bytes = key.Version != 0 ? -(key.Name.Length + (long)key.ValueBytes) : 0;
        Shard shard = ShardOf(key.Name, out ulong hash);
        shard.Enter();
        try
        {
            Entry entry = shard.Find(key.Name, hash, out _);
            if (entry.Exists)
            {
                bool isPut = entry.Version != key.Version && Log.HasPut(key.Name);
                keys++;
                bytes += key.Name.Length + (isPut ? entry.Value.Length : key.ValueBytes);
                if (isPut) changes.Puts.Add((key.Name, entry.Value.ToArray(), entry.Version, entry.ExpiresAt));
                else if ((entry.Version, entry.ExpiresAt) != (key.Version, key.ExpiresAt))
                    changes.Updates.Add((key.Name, entry.Version, entry.ExpiresAt));
            }
            else if (key.Version != 0)
            {
                changes.Deletes.Add(key.Name);
            }
        }
        finally
        {
            shard.Exit();
        }
        if (isInternal)
        {
            changes.RequestIds += keys;
        }
        else
        {
            changes.Keys += keys;
            changes.Bytes += bytes;
        }
    }

    private void Apply(in Record record, long version)
    {
        Shard shard = ShardOf(record.Key, out ulong hash);
        shard.Enter();
        try
        {
            shard.Apply(record, hash, version);
        }
        finally
        {
            shard.Exit();
        }
    }

    private Shard ShardOf(ReadOnlySpan<byte> key, out ulong hash)
    {
        hash = KeyHash.Of(key);
        return _entries.ShardOf(hash);
    }
}
