using System.Text;

namespace KestrelKv.Storage.Tests.Feed;

/// <summary>A change as a value that can be kept and compared.</summary>
internal sealed record RecordedChange(ChangeKind Kind, long Version, string Key, string Value = "", long ExpiresAt = 0);

/// <summary>Keeps changes, and asks to stop after so many.</summary>
internal sealed class RecordingChangeSink : IChangeSink
{
    public List<RecordedChange> Changes { get; } = [];

    /// <summary>After how many more it asks to stop, with each of those that follow.</summary>
    public int StopAfter { get; set; } = int.MaxValue;

    public IEnumerable<long> Versions => Changes.Select(change => change.Version);

    public bool OnChange(in ChangeView change)
    {
        Changes.Add(new(
            change.Kind, change.Version, Encoding.UTF8.GetString(change.Key), Encoding.UTF8.GetString(change.Value), change.ExpiresAt));
        return --StopAfter > 0;
    }
}
