namespace KestrelKv.Storage.Tests.Durability;

/// <summary>The probability that each call of a simulated disk fails, 0 to 1.</summary>
internal sealed record DiskFaults
{
    /// <summary>No faults except a lack of space.</summary>
    public static DiskFaults None { get; } = new();

    public double Read { get; init; }

    /// <summary>A write fails. A part of it may be done.</summary>
    public double Write { get; init; }

    /// <summary>
    /// A write or a creation finds no space, although the capacity is not used up and even if it only replaces data, as on a
    /// copy-on-write file system or with a quota. A part of it may be done.
    /// </summary>
    public double Full { get; init; }

    /// <summary>
    /// A sync of a file fails. A part of the data may be durable. As on Linux, a part of the remaining data can still be read, but no
    /// later sync writes it, although those syncs succeed.
    /// </summary>
    public double Sync { get; init; }

    public double Name { get; init; }

    /// <summary>
    /// A sync of the directory fails. The first changes may be durable. The next sync makes the others durable, as on file systems with
    /// a journal, or fails too.
    /// </summary>
    public double SyncNames { get; init; }
}
