using KestrelKv.Storage.Commits;

namespace KestrelKv.Storage.Feed;

/// <summary>What of a commit a feed shows.</summary>
internal static class CommitChanges
{
    /// <summary>Hands over the changes of a commit that are under a prefix.</summary>
    /// <param name="records">The commit's records.</param>
    /// <param name="version">Its version.</param>
    /// <param name="prefix">The prefix.</param>
    /// <param name="changes">Takes them, all of them.</param>
    /// <returns>Whether there may be another commit.</returns>
    public static bool HandOver(ReadOnlySpan<byte> records, long version, ReadOnlySpan<byte> prefix, IChangeSink changes)
    {
        bool goOn = true;
        while (Record.TryRead(ref records, out Record record))
        {
            if (InternalKey.Is(record.Key) || !record.Key.StartsWith(prefix)) continue;
            goOn &= changes.OnChange(new ChangeView
            {
                Kind = KindOf(record.Kind), Version = version, Key = record.Key, Value = record.Value, ExpiresAt = record.ExpiresAt,
            });
        }
        return goOn;
    }

    private static ChangeKind KindOf(RecordKind kind) => kind switch
    {
        RecordKind.Put => ChangeKind.Put,
        RecordKind.SetExpiry => ChangeKind.SetExpiry,
        RecordKind.Expired => ChangeKind.Expire,
        RecordKind.Evicted => ChangeKind.Evict,
        _ => ChangeKind.Delete,
    };
}
