using System.Buffers;

namespace KestrelKv.Storage.Tests.Soak;

/// <summary>All that a store has told, values byte by byte, so that what two stores tell can be compared.</summary>
internal sealed class Transcript : IResultSink, IEntrySink
{
    private readonly List<Told> _told = [];
    private readonly ArrayBufferWriter<byte> _bytes = new();
    private int _stopAfter;

    /// <summary>How many results or entries it has.</summary>
    public int Count => _told.Count;

    /// <summary>Forgets everything; the next call is to be stopped after so many.</summary>
    public Transcript Restart(int stopAfter = int.MaxValue)
    {
        _told.Clear();
        _bytes.ResetWrittenCount();
        _stopAfter = stopAfter;
        return this;
    }

    public bool OnResult(int index, in OperationResult result) =>
        Add(index, result.Status, result.Version, result.PreviousVersion, result.ExpiresAt, default, result.Value);

    public bool OnEntry(in EntryView entry) =>
        Add(_told.Count, ResultStatus.Done, entry.Version, entry.Version, entry.ExpiresAt, entry.Key, entry.Value);

    public byte[] CopyKey(int entry) => _bytes.WrittenSpan[_told[entry].KeyFrom.._told[entry].ValueFrom].ToArray();

    public void AssertSameAs(Transcript expected, Func<int, string> describe)
    {
        for (int i = 0; i < Math.Min(Count, expected.Count); i++)
            if (_told[i] != expected._told[i]) Assert.Fail($"{describe(i)}: {_told[i]} in place of {expected._told[i]}");
        Assert.Equal(expected.Count, Count);

        // Where all lengths are the same, so are all places.
        int differsAt = _bytes.WrittenSpan.CommonPrefixLength(expected._bytes.WrittenSpan);
        if (differsAt == _bytes.WrittenCount) return;
        Assert.Fail($"{describe(_told.FindLastIndex(told => told.KeyFrom <= differsAt))}: other bytes than expected");
    }

    private bool Add(
        int index, ResultStatus status, long version, long previous, long expiresAt, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        int from = _bytes.WrittenCount;
        _bytes.Write(key);
        _bytes.Write(value);
        _told.Add(new(index, status, version, previous, expiresAt, from, from + key.Length, value.Length));
        return Count < _stopAfter;
    }

    private readonly record struct Told(
        int Index, ResultStatus Status, long Version, long PreviousVersion, long ExpiresAt, int KeyFrom, int ValueFrom, int ValueBytes);
}
