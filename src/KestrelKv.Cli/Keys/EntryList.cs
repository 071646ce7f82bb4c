using System.Text;
using System.Text.Json;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Output;
using KestrelKv.Client;

namespace KestrelKv.Cli.Keys;

/// <summary>Writes entries with their versions and expiries.</summary>
/// <param name="session">The session.</param>
/// <param name="hasValues">Whether the entries have values.</param>
/// <param name="hasFound">Whether entries can be missing.</param>
internal sealed class EntryList(Session session, bool hasValues, bool hasFound)
{
    private readonly ResultList _list = hasValues ? new(session, "KEY", "VERSION", "EXPIRES", "VALUE") : new(session, "KEY", "VERSION", "EXPIRES");

    // More of a value is not visible.
    private readonly int _columns = session.Columns;

    /// <summary>Adds an entry with its value. In the form <c>raw</c>, a missing entry is an empty line.</summary>
    public void Add(Entry<JsonElement> entry) => _list.Add(
        () => EntryJson.Of(RawValue.Of(entry), hasFound),
        () => RawValue.Of(entry.Value).ToArray(),
        () => entry.Found
            ? [DisplayText.Of(entry.Key), $"{entry.Version}", DisplayText.OfExpiry(entry.ExpiresAt),
                DisplayText.OfJson(RawValue.Of(entry.Value), _columns)]
            : [DisplayText.Of(entry.Key), "missing", "", ""]);

    /// <summary>Adds a key. In the form <c>raw</c>, it is a line.</summary>
    public void Add(KeyInfo key) => _list.Add(
        () => EntryJson.Object(json =>
        {
            EntryJson.WriteText(json, "key", key.Key);
            json.WriteNumber("version", key.Version);
            EntryJson.WriteExpiry(json, key.ExpiresAt);
        }),
        () => Encoding.UTF8.GetBytes(key.Key),
        () => [DisplayText.Of(key.Key), $"{key.Version}", DisplayText.OfExpiry(key.ExpiresAt)]);

    /// <summary>Writes what is not written yet.</summary>
    public void End() => _list.End();
}
