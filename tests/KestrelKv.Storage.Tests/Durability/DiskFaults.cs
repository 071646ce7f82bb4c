namespace KestrelKv.Storage.Tests.Durability;

/// <summary>How likely each call of a simulated disk is to fail, 0 to 1.</summary>
internal sealed record DiskFaults
{
    /// <summary>Nothing fails but for lack of space.</summary>
    public static DiskFaults None { get; } = new();

    /// <summary>A read fails.</summary>
    public double Read { get; init; }

    /// <summary>A write fails; some of it may be done.</summary>
    public double Write { get; init; }

    /// <summary>
    /// A write, or a creation, finds no space, though there is some by the capacity, and though it may only replace what
    /// is there: as on a file system that copies on write, or with a quota. Some of it may be done.
    /// </summary>
    public double Full { get; init; }

    /// <summary>
    /// A sync of a file fails. Some of what was written may be durable by then; of the rest, some is forgotten as it is on
    /// Linux: it can still be read, but no later sync writes it, though they succeed.
    /// </summary>
    public double Sync { get; init; }

    /// <summary>A file can't be opened, created, renamed or deleted.</summary>
    public double Name { get; init; }

    /// <summary>
    /// A sync of names fails. The first changes may be durable by then; the others the next sync makes good, as file systems with
    /// a journal do, or do nothing more at all.
    /// </summary>
    public double SyncNames { get; init; }
}
