namespace KestrelKv.Storage;

/// <summary>When a write is acknowledged, and its effect is shown to anybody.</summary>
/// <remarks>Versions of commits that a crash loses are never given again.</remarks>
public enum DurabilityMode
{
    /// <summary>Once it is synced to disk. What was acknowledged, or seen, is never lost.</summary>
    Always,

    /// <summary>At once; the log is synced about every second. A crash loses about a second of writes, of the process or of the machine.</summary>
    EverySec,

    /// <summary>At once; when the log reaches the disk is for the system to say. A crash of the machine may lose half a minute of writes, say.</summary>
    None,

    /// <summary>At once; nothing is kept on disk at all.</summary>
    Memory,
}
