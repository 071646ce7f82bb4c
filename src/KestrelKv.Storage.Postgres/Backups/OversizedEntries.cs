using KestrelKv.Storage.Commits;
using KestrelKv.Storage.Embedded;

namespace KestrelKv.Storage.Postgres.Backups;

/// <summary>Finds the keys or the values of a snapshot that exceed a limit of this engine.</summary>
/// <param name="what">What exceeds the limit, in the plural.</param>
/// <param name="max">The limit, in bytes.</param>
internal sealed class OversizedEntries(string what, int max)
{
    /// <summary>The hashes of their keys. A later commit in the snapshot may remove an entry.</summary>
    private readonly HashSet<ulong> _found = [];
    private int _first;

    /// <summary>Returns a sentence about the entries; null if there are none.</summary>
    public string? Problem => _found.Count == 0
        ? null
        : $"The backup has {_found.Count} {what} that exceed {max} bytes, the limit of PostgreSQL. The first one has {_first} bytes.";

    /// <summary>Adds a change, in the order of the snapshot.</summary>
    public void Add(in Record change, int bytes)
    {
        bool isOversized = change.Kind == RecordKind.Put && bytes > max;
        if (change.Kind == RecordKind.SetExpiry || (!isOversized && _found.Count == 0)) return;
        ulong hash = KeyHash.Of(change.Key);
        if (!isOversized) _found.Remove(hash);
        else if (_found.Add(hash) && _found.Count == 1) _first = bytes;
    }
}
