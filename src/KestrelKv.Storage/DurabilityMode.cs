namespace KestrelKv.Storage;

/// <summary>Specifies when a write is acknowledged and becomes visible.</summary>
/// <remarks>A version is never reused, even if a crash loses its commit.</remarks>
public enum DurabilityMode
{
    /// <summary>After it is synced to disk. Acknowledged and visible writes are never lost.</summary>
    Always,

    /// <summary>
    /// Immediately. The log is synced about once per second. A crash of the process or the machine loses about a second of writes.
    /// </summary>
    EverySec,

    /// <summary>
    /// Immediately. The operating system decides when the log reaches the disk. A crash of the machine may lose about 30 seconds of writes.
    /// </summary>
    None,

    /// <summary>Immediately. Nothing is stored on disk.</summary>
    Memory,
}
