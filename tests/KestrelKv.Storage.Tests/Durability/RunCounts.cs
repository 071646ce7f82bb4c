namespace KestrelKv.Storage.Tests.Durability;

/// <summary>The number of events in a run, so that a test can verify that the events it is about occurred.</summary>
internal sealed class RunCounts
{
    public int Crashes { get; set; }

    public int Recoveries { get; set; }

    /// <summary>Recoveries of fewer commits than the previous process had in memory.</summary>
    public int Losses { get; set; }

    public int FailedOpens { get; set; }

    public int Acknowledged { get; set; }

    /// <summary>Calls that failed because the disk had failed.</summary>
    public int LostCalls { get; set; }

    /// <summary>Writes that were refused because of the disk.</summary>
    public int Refused { get; set; }

    public int Snapshots { get; set; }

    public int FailedSnapshots { get; set; }

    public int Evictions { get; set; }

    public int Shown { get; set; }

    /// <summary>Reads of the feed that found the next commits gone.</summary>
    public int Compactions { get; set; }

    /// <summary>Watches at a position that was lost.</summary>
    public int LostPositions { get; set; }

    public void Add(RunCounts other)
    {
        Crashes += other.Crashes;
        Recoveries += other.Recoveries;
        Losses += other.Losses;
        FailedOpens += other.FailedOpens;
        Acknowledged += other.Acknowledged;
        LostCalls += other.LostCalls;
        Refused += other.Refused;
        Snapshots += other.Snapshots;
        FailedSnapshots += other.FailedSnapshots;
        Evictions += other.Evictions;
        Shown += other.Shown;
        Compactions += other.Compactions;
        LostPositions += other.LostPositions;
    }

    public override string ToString() =>
        $"{Crashes} crashes, {Recoveries} recoveries ({Losses} of less), {FailedOpens} failed to open; calls: {Acknowledged} acknowledged, "
        + $"{LostCalls} lost, {Refused} writes refused; snapshots: {Snapshots}, {FailedSnapshots} failed; {Evictions} evictions; "
        + $"the feed: {Shown} changes shown, {Compactions} compactions, {LostPositions} of lost positions";
}
