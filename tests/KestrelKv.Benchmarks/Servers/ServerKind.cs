using KestrelKv.Storage;

namespace KestrelKv.Benchmarks.Servers;

/// <summary>A server that can be measured.</summary>
internal sealed record ServerKind(string Name, Func<ServerSetup, IServer> Start)
{
    /// <summary>The mode in which it loads a snapshot at its start.</summary>
    public DurabilityMode SnapshotMode { get; init; }

    public IReadOnlyList<DurabilityMode> Modes { get; init; } = Enum.GetValues<DurabilityMode>();

    /// <summary>The name or path of the program; null if it comes with the benchmarks.</summary>
    public string? Program { get; init; }

    public string? Installation { get; init; }

    public bool IsInstalled => Program is null || ProgramFile.Find(Program) is not null;
}
