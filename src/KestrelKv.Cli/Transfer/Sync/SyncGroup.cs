using KestrelKv.Cli.Scanning;

namespace KestrelKv.Cli.Transfer.Sync;

/// <summary>The changes of whole commits, as operations of one batch.</summary>
internal sealed class SyncGroup
{
    private readonly ByteText _text = new(4 * 1024);

    // The end of each operation in the text. Of a change of an expiry, also the key and the version of the change.
    private readonly List<(int End, byte[]? Key, long Version)> _operations = [];
    private int _expiries;

    public int Count => _operations.Count;

    public int Bytes => _text.Length;

    /// <summary>The version of the source after the group.</summary>
    public long Version { get; set; }

    public void Add(scoped in EntrySlice change)
    {
        BatchText.Change(_text, change);
        bool isExpiry = change.IsSetExpiry;
        if (isExpiry) _expiries++;
        _operations.Add((_text.Length, isExpiry ? change.Key.ToArray() : null, change.VersionNumber));
    }

    /// <summary>Moves the operations from an index on to an empty group.</summary>
    public void MoveTo(SyncGroup other, int index)
    {
        for (int i = index; i < Count; i++)
        {
            other.AddText(Operation(i));
            other._operations.Add((other._text.Length, _operations[i].Key, _operations[i].Version));
            if (_operations[i].Key is not null) (_expiries, other._expiries) = (_expiries - 1, other._expiries + 1);
        }
        _text.Truncate(_operations[index - 1].End);
        _operations.RemoveRange(index, Count - index);
    }

    /// <summary>
    /// Returns the operations, separated by commas: usually one text, several if the limit of a batch requires it. An entry whose expiry has
    /// changed is put with its value, if it has not changed since.
    /// </summary>
    public async Task<IReadOnlyList<ByteText>> ResolveAsync(CurrentEntries source, CancellationToken stop)
    {
        if (_expiries == 0) return [_text];
        byte[][] keys = [.. _operations.Where(operation => operation.Key is not null).Select(operation => operation.Key!)];
        Dictionary<string, CurrentEntry> current = await source.ReadAsync(keys, stop);
        List<SyncGroup> parts = [new()];
        for (int i = 0; i < Count; i++)
        {
            (_, byte[]? key, long version) = _operations[i];
            CurrentEntry? entry = key is null ? null : current.GetValueOrDefault(CurrentEntries.NameOf(key));
            if (entry?.Version != version) entry = null;
            int bytes = entry?.Value.Length ?? Operation(i).Length;
            if (parts[^1].Bytes > 0 && parts[^1].Bytes + bytes > SyncTarget.BytesMax) parts.Add(new());
            if (entry is null) parts[^1].AddText(Operation(i));
            else BatchText.Put(parts[^1]._text, key, entry.Value, entry.ExpiresAt);
        }
        return [.. parts.Select(part => part._text)];
    }

    private ReadOnlySpan<byte> Operation(int index)
    {
        int start = index == 0 ? 0 : _operations[index - 1].End + BatchText.Separator.Length;
        return _text.Span[start.._operations[index].End];
    }

    private void AddText(ReadOnlySpan<byte> operation)
    {
        BatchText.Separate(_text);
        _text.Add(operation);
    }
}
