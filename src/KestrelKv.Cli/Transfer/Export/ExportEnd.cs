namespace KestrelKv.Cli.Transfer.Export;

/// <summary>The version at which the changes of an export may end. Two threads use it: one reads entries, the other one changes.</summary>
internal sealed class ExportEnd
{
    // The versions that the changes must reach: that of the pages, and that of an entry that was looked up because its expiry had changed.
    private long _ofPages = long.MaxValue;
    private long _ofLookups;

    /// <summary>Sets the newest version of the pages, after the last one.</summary>
    public void Fix(long version) => Volatile.Write(ref _ofPages, version);

    /// <summary>Requires the changes up to a version, also after the end is fixed. Called by the thread of the changes alone.</summary>
    /// <remarks>The change of an expiry lacks its value if the entry has changed again since. This later change must follow.</remarks>
    public void Require(long version) => _ofLookups = Math.Max(_ofLookups, version);

    /// <summary>Whether the changes may end at a version. Called by the thread of the changes alone.</summary>
    public bool IsReachedBy(long version) => version >= Volatile.Read(ref _ofPages) && version >= _ofLookups;
}
