using System.Text;

namespace KestrelKv.Storage.Tests.Feed;

/// <summary>A change as a value that can be stored and compared.</summary>
internal sealed record RecordedChange(ChangeKind Kind, long Version, string Key, string Value = "", long ExpiresAt = 0);

/// <summary>Records changes, and asks to stop after some of them.</summary>
internal sealed class RecordingChangeSink : IChangeSink
{
    public List<RecordedChange> Changes { get; } = [];

    /// <summary>The number of changes after which it asks to stop, at each further change.</summary>
    public int StopAfter { get; set; } = int.MaxValue;

    public IEnumerable<long> Versions => Changes.Select(change => change.Version);

    public bool OnChange(in ChangeView change)
    {
        Changes.Add(new(
            change.Kind, change.Version, Encoding.UTF8.GetString(change.Key), Encoding.UTF8.GetString(change.Value), change.ExpiresAt));
        return --StopAfter > 0;
    }
}
