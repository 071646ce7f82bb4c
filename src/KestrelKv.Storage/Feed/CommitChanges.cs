using KestrelKv.Storage.Commits;

namespace KestrelKv.Storage.Feed;

/// <summary>Converts commits to the changes that a feed reports.</summary>
internal static class CommitChanges
{
    /// <summary>
    /// Delivers all changes of a commit under a prefix, even if the sink asks to stop in between. Returns whether the sink accepts
    /// another commit.
    /// </summary>
    public static bool Deliver(ReadOnlySpan<byte> records, long version, ReadOnlySpan<byte> prefix, IChangeSink changes)
    {
        bool acceptsMore = true;
        while (Record.TryRead(ref records, out Record record))
        {
            if (InternalKey.Is(record.Key) || !record.Key.StartsWith(prefix)) continue;
            acceptsMore &= changes.OnChange(new ChangeView
            {
                Kind = KindOf(record.Kind), Version = version, Key = record.Key, Value = record.Value, ExpiresAt = record.ExpiresAt,
            });
        }
        return acceptsMore;
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
