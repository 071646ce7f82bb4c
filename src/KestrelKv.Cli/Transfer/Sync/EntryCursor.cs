using KestrelKv.Cli.Scanning;
using KestrelKv.Client;

namespace KestrelKv.Cli.Transfer.Sync;

/// <summary>The entries of a server in the order of their keys, one at a time, without position entries.</summary>
internal sealed class EntryCursor(KestrelKvClient client, byte[] prefix, CancellationToken stop) : IAsyncDisposable
{
    private readonly IAsyncEnumerator<ReadOnlyMemory<byte>> _pages =
        ScanPages.ReadAsync(client, prefix, [], stop).GetAsyncEnumerator(CancellationToken.None);
    private readonly List<(Range Key, Range Value, Range ExpiresAt)> _entries = [];
    private int _index = -1;

    /// <summary>Whether there is a current entry.</summary>
    public bool HasEntry { get; private set; } = true;

    /// <summary>The newest version of the pages that were read, and of their entries.</summary>
    public long Newest { get; private set; }

    /// <summary>The key, a JSON string with quotes.</summary>
    public ReadOnlySpan<byte> Key => _pages.Current.Span[_entries[_index].Key];

    public ReadOnlySpan<byte> Value => _pages.Current.Span[_entries[_index].Value];

    public ReadOnlySpan<byte> ExpiresAt => _pages.Current.Span[_entries[_index].ExpiresAt];

    /// <summary>Moves to the next entry; <see cref="HasEntry"/> is false at the end.</summary>
    public async ValueTask MoveNextAsync()
    {
        if (++_index < _entries.Count) return;
        do
        {
            HasEntry = await _pages.MoveNextAsync();
            if (HasEntry) ReadPage(_pages.Current.Span);
        }
        while (HasEntry && _entries.Count == 0);
        _index = 0;
    }

    /// <summary>Compares the keys of two current entries, byte by byte. An end is greater than all keys.</summary>
    public static int Compare(EntryCursor left, EntryCursor right)
    {
        if (!left.HasEntry || !right.HasEntry) return right.HasEntry.CompareTo(left.HasEntry);
        return EntryReader.Unquote(left.Key).SequenceCompareTo(EntryReader.Unquote(right.Key));
    }

    public bool HasSameContent(EntryCursor other) => Value.SequenceEqual(other.Value) && ExpiresAt.SequenceEqual(other.ExpiresAt);

    public ValueTask DisposeAsync() => _pages.DisposeAsync();

    private void ReadPage(ReadOnlySpan<byte> page)
    {
        _entries.Clear();
        var reader = new EntryReader(page);
        while (reader.TryRead(out EntrySlice entry))
        {
            Newest = Math.Max(Newest, entry.VersionNumber);
            if (!SyncPosition.IsKey(entry.Key)) _entries.Add((RangeOf(page, entry.Key), RangeOf(page, entry.Value), RangeOf(page, entry.ExpiresAt)));
        }
        Newest = Math.Max(Newest, reader.Version);
    }

    private static Range RangeOf(ReadOnlySpan<byte> page, ReadOnlySpan<byte> slice)
    {
        page.Overlaps(slice, out int offset);
        return offset..(offset + slice.Length);
    }
}
