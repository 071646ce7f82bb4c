using System.Text;

namespace KestrelKv.Storage.Tests;

internal sealed record Recorded(
    int Index, ResultStatus Status, long Version = 0, long PreviousVersion = 0, long ExpiresAt = 0, string Value = "",
    string OldValue = "");

/// <summary>Records results, and stops after a number of them.</summary>
internal sealed class RecordingSink(int stopAfter = int.MaxValue) : IResultSink
{
    public List<Recorded> Results { get; } = [];

    public bool OnResult(int index, in OperationResult result)
    {
        Results.Add(new(
            index, result.Status, result.Version, result.PreviousVersion, result.ExpiresAt, Encoding.UTF8.GetString(result.Value),
            Encoding.UTF8.GetString(result.OldValue)));
        return Results.Count < stopAfter;
    }
}

/// <summary>Counts results, for tests with too many to record.</summary>
internal sealed class CountingSink : IResultSink
{
    public long Count { get; private set; }

    public long Done { get; private set; }

    public bool OnResult(int index, in OperationResult result)
    {
        Count++;
        if (result.Status == ResultStatus.Done) Done++;
        return true;
    }
}

internal sealed record RecordedEntry(string Key, string Value, long Version, long ExpiresAt);

/// <summary>Records entries, and stops after a number of them.</summary>
internal sealed class RecordingEntrySink(int stopAfter = int.MaxValue) : IEntrySink
{
    public List<RecordedEntry> Entries { get; } = [];

    public bool OnEntry(in EntryView entry)
    {
        Entries.Add(new(Encoding.UTF8.GetString(entry.Key), Encoding.UTF8.GetString(entry.Value), entry.Version, entry.ExpiresAt));
        return Entries.Count < stopAfter;
    }
}
