using System.Buffers;

namespace KestrelKv.Storage.Tests.Soak;

/// <summary>A compact recording of results or entries, for the comparison of two stores.</summary>
internal sealed class Transcript : IResultSink, IEntrySink
{
    private readonly List<Item> _items = [];
    private readonly ArrayBufferWriter<byte> _bytes = new();
    private int _stopAfter;

    public int Count => _items.Count;

    /// <summary>Clears the recording, and sets the number of results after which the next call stops.</summary>
    public Transcript Restart(int stopAfter = int.MaxValue)
    {
        _items.Clear();
        _bytes.ResetWrittenCount();
        _stopAfter = stopAfter;
        return this;
    }

    public bool OnResult(int index, in OperationResult result) =>
        Add(index, result.Status, result.Version, result.PreviousVersion, result.ExpiresAt, default, result.Value);

    public bool OnEntry(in EntryView entry) =>
        Add(_items.Count, ResultStatus.Done, entry.Version, entry.Version, entry.ExpiresAt, entry.Key, entry.Value);

    public byte[] CopyKey(int entry) => _bytes.WrittenSpan[_items[entry].KeyFrom.._items[entry].ValueFrom].ToArray();

    public void AssertSameAs(Transcript expected, Func<int, string> describe)
    {
        for (int i = 0; i < Math.Min(Count, expected.Count); i++)
            if (_items[i] != expected._items[i]) Assert.Fail($"{describe(i)}: {_items[i]} in place of {expected._items[i]}");
        Assert.Equal(expected.Count, Count);

        // All lengths are equal, so the offsets of both recordings correspond.
        int differsAt = _bytes.WrittenSpan.CommonPrefixLength(expected._bytes.WrittenSpan);
        if (differsAt == _bytes.WrittenCount) return;
        Assert.Fail($"{describe(_items.FindLastIndex(item => item.KeyFrom <= differsAt))}: other bytes than expected");
    }

    private bool Add(
        int index, ResultStatus status, long version, long previous, long expiresAt, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        int from = _bytes.WrittenCount;
        _bytes.Write(key);
        _bytes.Write(value);
        _items.Add(new(index, status, version, previous, expiresAt, from, from + key.Length, value.Length));
        return Count < _stopAfter;
    }

    private readonly record struct Item(
        int Index, ResultStatus Status, long Version, long PreviousVersion, long ExpiresAt, int KeyFrom, int ValueFrom, int ValueBytes);
}
