using KestrelKv.Storage;

namespace KestrelKv.Benchmarks.Servers;

/// <summary>A program to be measured.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Start">Starts it; <see cref="Readiness"/> tells when it answers.</param>
internal sealed record ServerKind(string Name, Func<ServerSetup, IServer> Start)
{
    /// <summary>The mode in which it starts from a snapshot, where there is one.</summary>
    public DurabilityMode SnapshotMode { get; init; }

    /// <summary>Those that it has.</summary>
    public IReadOnlyList<DurabilityMode> Modes { get; init; } = Enum.GetValues<DurabilityMode>();

    /// <summary>The program, by its name or path; null where it comes with the benchmarks.</summary>
    public string? Program { get; init; }

    /// <summary>The command that installs it.</summary>
    public string? Installation { get; init; }

    /// <summary>Whether this machine has the program.</summary>
    public bool IsInstalled => Program is null || ProgramFile.Find(Program) is not null;
}
